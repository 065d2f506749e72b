// FFmpeg as the streamer's encoder, as a platform's server, and as a judge of files.
import { spawnSync } from "node:child_process";
import { Program } from "./program.mjs";

const QUIET = ["-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning"];

/** A live encoder of 30 frames a second: moving picture, a tone, or one of them. Key frames every 2 s unless told otherwise. */
export function publish(url, { keyFrames = 60, sound = true, picture = true } = {}) {
  if (!picture) return new Program("ffmpeg", [...QUIET, "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-c:a", "aac", "-b:a", "128k", "-f", "flv", url]);
  const source = ["-re", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30"];
  const tone = sound ? ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-c:a", "aac", "-b:a", "128k"] : [];
  const video = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", String(keyFrames), "-keyint_min", String(keyFrames), "-sc_threshold", "0", "-b:v", "2500k"];
  return new Program("ffmpeg", [...QUIET, ...source, ...tone, ...video, "-f", "flv", url]);
}

const SMALL = ["-re", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "30"];

/** The same encoder over RTMPS, with a certificate it trusts. */
export function publishSecurely(url, certificate) {
  return new Program("ffmpeg", [...QUIET, ...SMALL, "-f", "flv", "-tls_verify", "1", "-ca_file", certificate, url]);
}

/** The same encoder over SRT. */
export function publishSrt(url, streamId, passphrase) {
  const secret = passphrase ? `&passphrase=${passphrase}&pbkeylen=16` : "";
  return new Program("ffmpeg", [...QUIET, ...SMALL, "-f", "mpegts", `${url}?mode=caller&transtype=live&streamid=${streamId}${secret}`]);
}

/** A player that watches, shows nothing and counts. */
export function play(url) {
  return new Program("ffmpeg", [...QUIET, "-i", url, "-c", "copy", "-f", "null", "-progress", "pipe:1", "-"]);
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
