/** Images that are as hard to run as real ones can be, built for a test and gone with it. */
import { execa } from "execa";
import type { Sandbox } from "./sandbox.ts";

/** What is done to a demo image, or to nothing. */
export const UNKIND = {
  /** Root's, Python alone to ask with, a file in its folder, and a volume that the image asks for. */
  kms: `FROM cybexp-demo/kms:1
USER 0:0
RUN rm -f /bin/bash /usr/bin/bash /usr/bin/curl /usr/bin/wget && echo decoy > /secrets/decoy
VOLUME /secrets`,
  /** Flat, since what is done to a folder after VOLUME is forgotten. */
  database: `FROM scratch
COPY --from=cybexp-demo/mongo:1 / /
RUN chown 1001:0 /data/db && chmod 0755 /data/db
USER 1001:0
VOLUME /data/db
EXPOSE 27017
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["ferretdb"]`,
  /** As Nginx's official images without curl, and as Debian's packages leave it. */
  proxyWithoutCurl: `FROM cybexp-demo/nginx:1
USER 0:0
RUN rm -f /usr/bin/curl /usr/bin/wget
USER 101:101`,
  /** As on Alpine: busybox is the shell and every tool, there is no bash and no curl. */
  proxyOnBusybox: `FROM cybexp-demo/nginx:1
USER 0:0
RUN apt-get update -q && apt-get install -y -q --no-install-recommends busybox-static \\
 && cp /bin/busybox /busybox && cd /usr/bin && tools=$(/busybox --list) \\
 && rm -f curl bash perl* && /busybox rm -f $tools && /busybox --install -s /usr/bin
USER 101:101`,
  /** As certbot's official images are, on Alpine. */
  certbotOnBusybox: `FROM cybexp-demo/certbot:1
USER 0:0
RUN apt-get update -q && apt-get install -y -q --no-install-recommends busybox-static \\
 && cp /bin/busybox /busybox && cd /usr/bin && tools=$(/busybox --list) \\
 && rm -f bash perl* && /busybox rm -f $tools && /busybox --install -s /usr/bin
USER 101:101`,
  withoutShell: `FROM scratch
COPY --from=cybexp-demo/kms:1 /etc/hostname /etc/
CMD ["/app"]`,
  withoutTar: `FROM cybexp-demo/kms:1
USER 0:0
RUN rm /bin/tar && mkdir -p /config.yaml`,
  closed: `FROM cybexp-demo/kms:1
USER 0:0
RUN chmod 0700 /kms-server
WORKDIR /`,
  closedFile: `FROM cybexp-demo/kms:1
USER 0:0
RUN chmod 0600 /kms-server/server.py`,
  withoutProgram: `FROM cybexp-demo/kms:1
ENTRYPOINT ["/usr/bin/python2"]`,
} as const;

/** Builds one of them; gives its name. */
export async function build(sandbox: Sandbox, image: keyof typeof UNKIND): Promise<string> {
  const name = `cybexp-test/${sandbox.id}-${image.toLowerCase()}:1`;
  await execa("docker", ["build", "--quiet", `--tag=${name}`, "-"], {
    input: UNKIND[image],
    env: { ...sandbox.env, DOCKER_BUILDKIT: "0" },
  });
  return name;
}
