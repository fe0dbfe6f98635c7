import { mkdir, writeFile } from 'node:fs/promises'
import type { Address } from '../../bench/children.ts'
import { succeed } from '../program.ts'
import type { Place } from './place.ts'

/** Of the server, for those who must trust it; for localhost and 127.0.0.2. */
export interface Certificate {
  readonly certificate: string
  readonly key: string
}

/**
 * Starts nginx with one HTTP server block. Whatever it writes goes below the folder of the place.
 *
 * @param server Directives within the block, without `listen`.
 * @param at `http` in the clear and `https` with HTTP/2.
 */
export async function serveNginx(
  place: Place,
  { server, at, tls }: { server: string; at: { http: Address; https?: Address }; tls?: Certificate },
): Promise<void> {
  const dir = place.file('nginx')
  await mkdir(dir)
  const secure = at.https && tls
  const listens = [
    `listen ${at.http.host}:${at.http.port};`,
    ...(secure ? [`listen ${at.https!.host}:${at.https!.port} ssl http2;`] : []),
    ...(secure ? [`ssl_certificate ${tls.certificate}; ssl_certificate_key ${tls.key};`] : []),
  ]
  const user = process.getuid?.() === 0 ? 'user root root;' : ''
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const config = `${dir}/nginx.conf`
  await writeFile(
    config,
    `${user} daemon off; pid ${dir}/pid; error_log stderr warn; worker_processes 1;
events { worker_connections 1024; }
http {
  ${kinds.map((kind) => `${kind}_temp_path ${dir}/${kind};`).join(' ')}
  access_log ${dir}/access.log; client_max_body_size 0; root ${place.dir};
  server { ${listens.join(' ')} ${server} }
}
`,
  )
  await place.serve('nginx', ['nginx', '-p', dir, '-e', 'stderr', '-c', config], at.http)
}

/** Self-signed, made by openssl. */
export async function makeCertificate(place: Place): Promise<Certificate> {
  const files = { certificate: place.file('server.pem'), key: place.file('server.key') }
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.2']
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  await succeed(['openssl', 'req', ...kind, ...name, '-keyout', files.key, '-out', files.certificate])
  return files
}
