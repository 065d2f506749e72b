/** A made-up encoder: draws, encodes in the page, and speaks the engine's preview messages. */

const [WIDTH, HEIGHT, FPS] = [640, 360, 10];

function config(): ArrayBuffer {
  const json = new TextEncoder().encode(
    JSON.stringify({ codec: 'vp8', width: WIDTH, height: HEIGHT, name: 'VP8', audio: false, follows: 'units' }),
  );
  const bytes = new Uint8Array(3 + json.length);
  bytes[0] = 1;
  new DataView(bytes.buffer).setUint16(1, json.length);
  bytes.set(json, 3);
  return bytes.buffer;
}

function unit(chunk: EncodedVideoChunk): ArrayBuffer {
  const bytes = new Uint8Array(10 + chunk.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 2);
  view.setUint8(1, chunk.type === 'key' ? 1 : 0);
  view.setBigInt64(2, BigInt(chunk.timestamp));
  chunk.copyTo(bytes.subarray(10));
  return bytes.buffer;
}

/** Evening light over water, and a bar that shows that it moves. */
function draw(context: OffscreenCanvasRenderingContext2D, at: number): void {
  const sky = context.createLinearGradient(0, 0, 0, HEIGHT);
  sky.addColorStop(0, '#14323f');
  sky.addColorStop(0.55, '#e08a5b');
  sky.addColorStop(0.56, '#0d3b46');
  sky.addColorStop(1, '#06161b');
  context.fillStyle = sky;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  context.fillStyle = '#ffd9a0';
  context.beginPath();
  context.arc(WIDTH * 0.62, HEIGHT * 0.5, 34, 0, 7);
  context.fill();
  context.fillStyle = 'rgb(255 217 160 / 55%)';
  for (let row = 0; row < 14; row += 1) {
    const width = 30 + row * 9 + 12 * Math.sin(at / 5 + row);
    context.fillRect(WIDTH * 0.62 - width / 2, HEIGHT * 0.58 + row * 10, width, 3);
  }
  context.fillStyle = '#eaf3f3';
  context.fillRect((at * 7) % WIDTH, HEIGHT - 10, 60, 4);
}

/** Calls `message` with a picture until the returned function is called. */
export function madeUpPicture(message: (bytes: ArrayBuffer) => void): () => void {
  const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
  const context = canvas.getContext('2d');
  const encoder = new VideoEncoder({ output: (chunk) => message(unit(chunk)), error: () => undefined });
  encoder.configure({ codec: 'vp8', width: WIDTH, height: HEIGHT, bitrate: 800_000, latencyMode: 'realtime' });
  let at = 0;
  const turn = (): void => {
    if (!context || encoder.encodeQueueSize > 2) return;
    draw(context, at);
    const frame = new VideoFrame(canvas, { timestamp: (at * 1e6) / FPS });
    encoder.encode(frame, { keyFrame: at % 20 === 0 });
    frame.close();
    at += 1;
  };
  message(config());
  turn();
  const timer = setInterval(turn, 1000 / FPS);
  return () => {
    clearInterval(timer);
    if (encoder.state !== 'closed') encoder.close();
  };
}
