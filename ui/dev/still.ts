/** A made-up first picture of a recording: hills and a sun, in colours that come from its name. */
import type { RecordingPicture } from '../src/api/model';

const [WIDTH, HEIGHT] = [480, 270];

function draw(context: OffscreenCanvasRenderingContext2D, seed: number): void {
  const hue = (seed * 47) % 360;
  const sky = context.createLinearGradient(0, 0, 0, HEIGHT);
  sky.addColorStop(0, `hsl(${hue} 45% 22%)`);
  sky.addColorStop(1, `hsl(${(hue + 40) % 360} 70% 66%)`);
  context.fillStyle = sky;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  context.fillStyle = `hsl(${(hue + 50) % 360} 90% 82%)`;
  context.beginPath();
  context.arc(90 + ((seed * 61) % 300), 90 + ((seed * 17) % 50), 26, 0, 7);
  context.fill();
  for (const [layer, light] of [30, 20, 12].entries()) {
    context.fillStyle = `hsl(${(hue + 190) % 360} 35% ${light}%)`;
    context.beginPath();
    context.moveTo(0, HEIGHT);
    for (let x = 0; x <= WIDTH; x += 6) {
      context.lineTo(x, 150 + layer * 38 + 18 * Math.sin(x / (46 - layer * 9) + seed + layer) + 8 * Math.sin(x / 13 + seed * layer));
    }
    context.lineTo(WIDTH, HEIGHT);
    context.fill();
  }
}

export async function madeUpStill(id: string): Promise<RecordingPicture> {
  const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
  const context = canvas.getContext('2d');
  if (context) draw(context, [...id].reduce((sum, letter) => (sum * 7 + (letter.codePointAt(0) ?? 0)) % 997, 3));
  const chunk = await new Promise<EncodedVideoChunk>((resolve, reject) => {
    const encoder = new VideoEncoder({ output: resolve, error: reject });
    encoder.configure({ codec: 'vp8', width: WIDTH, height: HEIGHT, bitrate: 2_000_000 });
    const frame = new VideoFrame(canvas, { timestamp: 0 });
    encoder.encode(frame, { keyFrame: true });
    frame.close();
    void encoder.flush().then(() => encoder.close());
  });
  const data = new Uint8Array(chunk.byteLength);
  chunk.copyTo(data);
  return { codec: 'vp8', width: WIDTH, height: HEIGHT, description: null, data: btoa(String.fromCharCode(...data)) };
}
