/**
 * The problem document for people: a browser asked, and a person reads. It stands where a page of the application was to
 * be, under its name: no script, nothing loaded, and every word escaped.
 *
 * @module
 */
import { HOPS, type Hop } from '../../base/faults.ts'

/** What the problem document says, as far as a person reads it. */
export interface ShownProblem {
  readonly title: string
  readonly detail: string
  readonly code: string
  readonly hop: Hop
  readonly cause: string
  readonly fix: string
  /** The command that says more, on this device. */
  readonly more: string
  /** The command by which an admin sees more. */
  readonly ask?: string
  readonly session?: string
  readonly denial?: string
  /** Another try may help. */
  readonly retry: boolean
}

export const PAGE_HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
}

const STYLE = `
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:44rem;margin:3rem auto;padding:0 1.25rem}
h1{font-size:1.5rem;line-height:1.25;margin:1.5rem 0 .5rem}
h2{font-size:1rem;margin:1.75rem 0 .25rem}
p{margin:.25rem 0}
ol{display:flex;flex-wrap:wrap;gap:.4rem;list-style:none;padding:0;margin:0;font-size:.875rem}
li{padding:.15rem .65rem;border:1px solid #8886;border-radius:1rem;opacity:.75}
li[aria-current]{background:#b3261e;border-color:#b3261e;color:#fff;opacity:1;font-weight:600}
pre{background:#8882;border-radius:.4rem;padding:.6rem .8rem;white-space:pre-wrap;overflow-wrap:anywhere;margin:.4rem 0}
small{display:block;margin-top:2rem;opacity:.75;overflow-wrap:anywhere}`

/** A whole page. @param to HOST:PORT of what was asked for. */
export function faultPage(problem: ShownProblem, to?: string): string {
  const { title, detail, hop, cause, fix, more, ask, retry } = problem
  const way = HOPS.map((one) => `<li${one === hop ? ' aria-current="true"' : ''}>${one}</li>`)
  const about = [problem.code, problem.session, problem.denial].filter((one) => one !== undefined)
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
<ol aria-label="The way to the application; the marked part broke it">${way.join('')}</ol>
<h1>${escaped(title)}</h1>
<p>${escaped(detail)}</p>
<h2>Cause</h2>
<p>${escaped(cause)}</p>
<h2>Fix</h2>
<p>${escaped(fix)}</p>
${ask === undefined ? '' : `<h2>Ask an admin, with this command</h2>\n<pre>${escaped(ask)}</pre>\n`}${retry ? '<p>This may be temporary: try again in a moment.</p>\n' : ''}<h2>See more, in a terminal on this device</h2>
<pre>${escaped(more)}</pre>
<small>${escaped([to, ...about].filter((one) => one !== undefined).join(' · '))} · This page comes from Backstitch on this device, not from the application.</small>
</html>
`
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
