// The page that a browser is shown: it fetches, posts and talks over a WebSocket, and tells the server how that went.
export const LARGE = 5_000_000

export const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>Trial</title>
<script type="module">
  const report = {}
  try {
    report.json = await (await fetch('/hello/browser')).json()
    report.large = (await (await fetch('/large')).arrayBuffer()).byteLength
    const posted = { body: JSON.stringify({ posted: [1, 2] }), headers: { 'Content-Type': 'application/json' } }
    report.posted = await (await fetch('/echo', { method: 'POST', ...posted })).json()
    const many = Array.from({ length: 50 }, (_, i) => fetch('/hello/' + i).then((response) => response.json()))
    report.many = (await Promise.all(many)).length
  } catch (error) {
    report.error = String(error)
  }
  const socket = new WebSocket(location.origin.replace('http', 'ws') + '/chat')
  socket.binaryType = 'arraybuffer'
  socket.onopen = () => socket.send(new Uint8Array(300000))
  socket.onmessage = ({ data }) => {
    report.echoed = data.byteLength
    socket.send(JSON.stringify(report))
  }
</script>
`

/** What the server does with a WebSocket: binary messages come back, a text is the browser's report. */
export function chat(socket) {
  socket.on('message', (data, isBinary) => {
    if (isBinary) socket.send(data)
    else console.log(`report ${data}`)
  })
}
