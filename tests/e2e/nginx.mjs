// nginx with its RTMP module, as a platform's server that somebody else wrote.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Program, freePort, isListening, root, scratch, until } from "./program.mjs";

const MODULE = "usr/lib/nginx/modules/ngx_rtmp_module.so";

/** Where nginx and its module are: the system, or the copy that `npm test` unpacks; undefined when there is none. */
function home() {
  const homes = ["/", join(root, ".cache", "nginx")];
  return homes.find((place) => existsSync(join(place, "usr/sbin/nginx")) && existsSync(join(place, MODULE)));
}

/** An RTMP server that takes streams and plays them: the address of its application, or undefined where nginx cannot be had. */
export async function nginx(context) {
  const place = home();
  if (!place) return undefined;
  const [folder, port] = [scratch(context), await freePort()];
  const configuration = `load_module ${join(place, MODULE)};
    daemon off; master_process off; worker_processes 1; pid ${folder}/pid; error_log stderr notice;
    events { worker_connections 64; }
    rtmp { access_log off; server { listen 127.0.0.1:${port}; chunk_size 4096;
      application live { live on; wait_key on; wait_video on; publish_notify on; } } }`;
  writeFileSync(join(folder, "nginx.conf"), configuration);
  const server = new Program(join(place, "usr/sbin/nginx"), ["-p", folder, "-c", join(folder, "nginx.conf")]);
  context.after(() => server.stop());
  await until("nginx to listen", () => isListening(port));
  return `rtmp://127.0.0.1:${port}/live`;
}
