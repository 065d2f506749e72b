/** A fingerprint as people compare it: upper case, in groups. */
export const grouped = (fingerprint: string): string => fingerprint.toUpperCase().match(/.{1,4}/g)?.join(' ') ?? '';
