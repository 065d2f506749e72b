/** The first picture of a recording, drawn by the browser's own decoder. */
import type { RecordingPicture } from '../../api/model';

function bytes(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const all = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index += 1) all[index] = text.charCodeAt(index);
  return all;
}

/** The picture at about the size it is shown in, or undefined where this browser cannot decode it. */
export async function drawn(picture: RecordingPicture, width: number): Promise<ImageBitmap | undefined> {
  if (!('VideoDecoder' in window)) return undefined;
  const config: VideoDecoderConfig = {
    codec: picture.codec,
    optimizeForLatency: true,
    ...(picture.width != null && { codedWidth: picture.width }),
    ...(picture.height != null && { codedHeight: picture.height }),
    ...(picture.description != null && { description: bytes(picture.description) }),
  };
  try {
    if (!(await VideoDecoder.isConfigSupported(config)).supported) return undefined;
    const frame = await new Promise<VideoFrame>((resolve, reject) => {
      const decoder = new VideoDecoder({ output: resolve, error: reject });
      decoder.configure(config);
      decoder.decode(new EncodedVideoChunk({ type: 'key', timestamp: 0, data: bytes(picture.data) }));
      decoder.flush().then(
        () => (decoder.close(), reject(new Error('no picture'))),
        () => reject(new Error('not decoded')),
      );
    });
    try {
      return await createImageBitmap(frame, { resizeWidth: width, resizeQuality: 'medium' });
    } finally {
      frame.close();
    }
  } catch {
    // A file may hold anything.
    return undefined;
  }
}
