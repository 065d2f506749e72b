/** The licences of what Weir is made of: collected by `.scripts/licences.mjs` when the page is built, a file beside it. */
export interface Licences {
  packages: { name: string; version: string; licence: string; /** Index into `texts`. */ text?: number }[];
  texts: string[];
}

export async function readLicences(): Promise<Licences | undefined> {
  try {
    const response = await fetch('/licenses/third-party.json');
    return response.ok ? ((await response.json()) as Licences) : undefined;
  } catch {
    return undefined;
  }
}
