/** The first picture of a recording, drawn by the browser's own decoder. */
import type { RecordingPicture } from '../../api/model';
import { hasWebCodecs } from '../../preview/screen';

/** Where it comes from: as a decoder takes it, and as a film of one frame. */
export interface Source {
  picture(): Promise<RecordingPicture>;
  film(): Promise<ArrayBuffer>;
}

/** A browser that cannot play the film may never say so. */
const PATIENCE_MS = 5000;
const LOOK_MS = 50;

/** The picture at about the size it is shown in, or undefined where this browser cannot decode it. */
export async function drawn(source: Source, width: number): Promise<ImageBitmap | undefined> {
  if (hasWebCodecs()) {
    const picture = await source.picture();
    const found = await decoded(picture, width);
    if (found || document.createElement('video').canPlayType(`video/mp4; codecs="${picture.codec}"`) === '') return found;
  }
  return oneByOne(async () => played(await source.film(), width));
}

let before: Promise<unknown> = Promise.resolve();

/** A video element costs more than a decoder: a page of recordings has one at a time. */
function oneByOne<T>(work: () => Promise<T>): Promise<T> {
  const mine = before.then(work);
  before = mine.catch(() => undefined);
  return mine;
}

/** As a film of one frame, for a page without WebCodecs, and for what they do not know. */
async function played(film: ArrayBuffer, width: number): Promise<ImageBitmap | undefined> {
  const video = document.createElement('video');
  const address = URL.createObjectURL(new Blob([film], { type: 'video/mp4' }));
  let patience: ReturnType<typeof setTimeout> | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      video.addEventListener('loadeddata', () => resolve(), { once: true });
      video.addEventListener('error', () => reject(new Error('not played')), { once: true });
      patience = setTimeout(() => reject(new Error('not played in time')), PATIENCE_MS);
      Object.assign(video, { muted: true, playsInline: true, preload: 'auto', src: address });
    });
    const canvas = document.createElement('canvas');
    const scale = Math.min(1, width / video.videoWidth);
    [canvas.width, canvas.height] = [Math.round(video.videoWidth * scale), Math.round(video.videoHeight * scale)];
    return (await isDrawn(video, canvas)) ? await createImageBitmap(canvas) : undefined;
  } catch {
    // A file may hold anything.
    return undefined;
  } finally {
    clearTimeout(patience);
    video.removeAttribute('src');
    video.load();
    URL.revokeObjectURL(address);
  }
}

/** Draws the video. Chromium may say that its first frame is there a moment before it is, and draws nothing until then. */
async function isDrawn(video: HTMLVideoElement, canvas: HTMLCanvasElement): Promise<boolean> {
  const context = canvas.getContext('2d');
  for (let waited = 0; context && waited < PATIENCE_MS; waited += LOOK_MS) {
    context.drawImage(video, 0, 0, canvas.width, canvas.height);
    if (context.getImageData(0, 0, 1, 1).data[3] === 255) return true;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return false;
}

function bytes(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const all = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index += 1) all[index] = text.charCodeAt(index);
  return all;
}

async function decoded(picture: RecordingPicture, width: number): Promise<ImageBitmap | undefined> {
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
