// An encoder whose every picture holds the time at which it was made, and the page's way to read it back from what it draws.
import { join } from "node:path";
import { Program, which } from "../program.mjs";

const [WIDTH, HEIGHT, RATE] = [640, 360, 30];
/** The time's bits, sixteen a row, each a square. */
const [COLUMNS, ROWS, SIDE] = [16, 2, 40];

function picture() {
  const grey = Buffer.alloc(WIDTH * HEIGHT, 90);
  const now = Date.now() % 2 ** 32;
  for (let bit = 0; bit < COLUMNS * ROWS; bit += 1) {
    const [column, row] = [bit % COLUMNS, Math.floor(bit / COLUMNS)];
    const value = Math.floor(now / 2 ** bit) % 2 ? 235 : 16;
    for (let y = row * SIDE; y < (row + 1) * SIDE; y += 1) grey.fill(value, y * WIDTH + column * SIDE, y * WIDTH + (column + 1) * SIDE);
  }
  return grey;
}

/** Publishes the clock, with a key frame every so many pictures. */
export function clock(url, keyFrames) {
  const input = ["-f", "rawvideo", "-pix_fmt", "gray", "-video_size", `${WIDTH}x${HEIGHT}`, "-framerate", `${RATE}`, "-use_wallclock_as_timestamps", "1", "-fflags", "nobuffer", "-probesize", "32", "-i", "-"];
  const video = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", `${keyFrames}`, "-keyint_min", `${keyFrames}`, "-sc_threshold", "0", "-b:v", "2500k"];
  const args = ["-hide_banner", "-nostats", "-loglevel", "warning", ...input, ...video, "-flush_packets", "1", "-f", "flv", url];
  const encoder = new Program(which("ffmpeg") ?? join("/usr/bin", "ffmpeg"), args, { input: true });
  const began = Date.now();
  let made = 0;
  const timer = setInterval(() => {
    // Not more often than the rate, and never a burst after a pause.
    if ((Date.now() - began) * RATE < made * 1000) return;
    made = Math.floor(((Date.now() - began) * RATE) / 1000) + 1;
    encoder.stdin.write(picture());
  }, 4);
  encoder.ended.then(() => clearInterval(timer));
  return encoder;
}

/** Code for the page: `age()` is how old, in milliseconds, the picture is that `selector` shows, or undefined. */
const READ = `const copy = document.createElement("canvas");
  [copy.width, copy.height] = [${WIDTH}, ${HEIGHT}];
  const drawn = copy.getContext("2d", { willReadFrequently: true });
  const read = (selector) => {
    const surface = document.querySelector(selector);
    if (!(surface?.width || surface?.videoWidth)) return undefined;
    drawn.drawImage(surface, 0, 0, ${WIDTH}, ${HEIGHT});
    const { data } = drawn.getImageData(0, 0, ${WIDTH}, ${ROWS * SIDE});
    let shown = 0;
    for (let bit = 0; bit < ${COLUMNS * ROWS}; bit += 1) {
      const [x, y] = [(bit % ${COLUMNS}) * ${SIDE} + ${SIDE / 2}, Math.floor(bit / ${COLUMNS}) * ${SIDE} + ${SIDE / 2}];
      if (data[4 * (y * ${WIDTH} + x)] > 128) shown += 2 ** bit;
    }
    return shown;
  };
  const age = (shown) => (Date.now() % 2 ** 32) - shown;`;

/** Looks at what `arguments[0]` shows for `arguments[1]` milliseconds: how old each new picture was when it was drawn. */
export const AGES = `const [selector, time, done] = arguments;
  ${READ}
  const ages = [];
  let last;
  const end = performance.now() + time;
  const look = () => {
    const shown = read(selector);
    if (shown !== undefined && shown !== last) ages.push(age(shown));
    last = shown;
    if (performance.now() < end) requestAnimationFrame(look);
    else done(ages.slice(1));
  };
  requestAnimationFrame(look);`;

/**
 * Presses the button `arguments[0]`: milliseconds until `arguments[1]` shows a picture, and until that is at most half a second
 * old, which takes longer when the last key frame is long ago.
 */
export const OPENING = `const [button, selector, done] = arguments;
  ${READ}
  const began = performance.now();
  let picture;
  document.evaluate(button, document, null, 9).singleNodeValue.click();
  const look = () => {
    const there = document.querySelector('[data-preview="shown"]');
    if (there && picture === undefined) picture = performance.now() - began;
    const shown = there ? read(selector) : undefined;
    if (shown !== undefined && age(shown) <= 500) done({ picture, live: performance.now() - began });
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);`;
