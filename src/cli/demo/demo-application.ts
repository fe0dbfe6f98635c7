/**
 * The private application of the demo: a small web page with an API, and a TCP echo. A program of its own, that
 * knows nothing of Backstitch: `demo-application.ts ADDRESS WEB_PORT ECHO_PORT`. Ends with its standard input.
 *
 * @module
 */
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import os from 'node:os'

const [address = '127.0.0.1', webPort = '80', echoPort = '7007'] = process.argv.slice(2)
const notes: string[] = ['Only the connector can dial this application.', 'It listens on a private network.']

function page(from: string): string {
  const items = notes.map((note) => `<li>${escapeHtml(note)}</li>`).join('\n')
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Private wiki</title>
<style>body { font: 16px/1.5 system-ui; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }</style>
<h1>Hello from the private wiki</h1>
<p>This page is served on ${os.hostname()}. It saw the connection come from ${escapeHtml(from)}: the connector.</p>
<ul>
${items}
</ul>
<form method="post" action="/notes"><input name="note" maxlength="200" required> <button>Add a note</button></form>
</html>
`
}

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}

const web = http.createServer(async (request, response) => {
  if (request.method === 'POST' && request.url === '/notes') {
    let body = ''
    for await (const part of request.setEncoding('utf8')) if (body.length < 2000) body += part
    const note = new URLSearchParams(body).get('note')
    if (note) notes.push(note.slice(0, 200))
    if (notes.length > 50) notes.shift()
    response.writeHead(303, { location: '/' }).end()
  } else if (request.url === '/api/notes') {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(notes))
  } else if (request.url === '/') {
    response
      .writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
      .end(page(request.socket.remoteAddress ?? '?'))
  } else response.writeHead(404, { 'content-type': 'text/plain' }).end('there is no such page\n')
})

const echo = net.createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => {})
  socket.pipe(socket)
})

for (const [server, port] of [[web, webPort] as const, [echo, echoPort] as const]) {
  server.listen({ host: address, port: Number(port) })
  await once(server, 'listening')
}
process.stdout.write('listening\n')
process.stdin.on('end', () => process.exit(0)).resume()
