// FFmpeg as the streamer's encoder, as a platform's server, and as a judge of files.
import { spawnSync } from "node:child_process";
import { Program } from "./program.mjs";

const QUIET = ["-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning"];

/** A live encoder: moving picture, 2 s key frames, a tone. */
export function publish(url) {
  const picture = ["-re", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30"];
  const sound = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"];
  const video = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "60", "-b:v", "2500k"];
  return new Program("ffmpeg", [...QUIET, ...picture, ...sound, ...video, "-c:a", "aac", "-b:a", "128k", "-f", "flv", url]);
}

/** A server that takes one stream and counts it. */
export function receive(url) {
  return new Program("ffmpeg", [...QUIET, "-listen", "1", "-i", url, "-c", "copy", "-f", "null", "-progress", "pipe:1", "-"]);
}

/** What a file holds: `{ duration, streams: { video, audio }, frames }`. */
export function inspect(file) {
  const args = ["-v", "error", "-count_packets", "-show_streams", "-show_format", "-of", "json", file];
  const { status, stdout, stderr } = spawnSync("ffprobe", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`ffprobe cannot read ${file}: ${stderr}`);
  const { streams, format } = JSON.parse(stdout);
  const of = (kind) => streams.find(({ codec_type }) => codec_type === kind);
  return { duration: Number(format.duration), video: of("video"), audio: of("audio"), frames: Number(of("video")?.nb_read_packets) };
}
