/**
 * The words that docs/writing.md forbids, and the sentences that they are looked for in.
 *
 * @module
 */

interface Rule {
  readonly words: RegExp
  /** What to write, or the shape to think of. */
  readonly instead: string
}

const RULES: readonly Rule[] = [
  {
    words: /\b(?:certificate|key|token|grant|ticket)s?\b(?: \S+){0,4} (?:has |have )?ended\b/i,
    instead: 'expired; a sign-in or session ends',
  },
  { words: /\bended (?:certificate|key|token|grant)s?\b/i, instead: 'expired' },
  { words: /\banew\b/i, instead: 'again; or re-: reinstalled, restarted, resealed' },
  { words: /\bwho(?:m)?ever\b/i, instead: 'name the role: the user, the caller, the admin' },
  {
    words: /(?<!\b(?:user|as) |:)\b(?:some|no|any|every)body(?:'s)?\b(?! \(uid)/i,
    instead: 'name the role, or use the passive',
  },
  { words: /\b(?:that|which) (?:is|are) named\b/i, instead: 'name it, or "in the evidence"' },
  { words: /\bwithout a word\b|\bin silence\b/i, instead: 'silently; without an exit status' },
  { words: /\bfor want of\b/i, instead: 'because there is no …' },
  { words: /\bas it should be\b|\bas they should be\b/i, instead: 'healthy; as expected' },
  {
    words: /(?<!\bthere )\b(?:in|is|are|stands?|note|names?|known|blocked) no more\b/i,
    instead: 'no longer …',
  },
  { words: /\bof now\b/i, instead: 'current' },
  { words: /\bwhose it is\b/i, instead: 'its owner' },
  { words: /\bknocks?\b/i, instead: 'tries to connect' },
  { words: /\bf[ae]ll(?:s|en)? silent\b/i, instead: 'stops responding' },
  { words: /\bst(?:ands?|ood) still\b/i, instead: 'hangs, stalls; is paused' },
  { words: /\b(?:hangs?|hung) up\b/i, instead: 'closes the connection, disconnects' },
  { words: /\btakes? \S+ for private\b/i, instead: 'treats … as private' },
  {
    words: /\b(?:something|somewhere|middlebox|firewall|device|router) on the way\b/i,
    instead: 'on the path',
  },
  { words: /\bforbids? (?:the|a|us|it)\b/i, instead: 'blocks, denies, prohibits' },
  { words: /\bby way of\b/i, instead: 'through, via' },
  { words: /\bin vain\b/i, instead: 'without an answer' },
  { words: /\bto blame\b/i, instead: 'at fault' },
  { words: /\bunread and\b/i, instead: 'two facts, two clauses' },
  { words: /\basked was\b/i, instead: 'subject first: the control plane was asked' },
  {
    words:
      /(?<!\bthere )\bis no (?:fault|list|object|text|record|network|port|disk|key|edge|status|signature|TLS)\b/i,
    instead: 'is not a …',
  },
  { words: /\bdial anew\b|\bgoes? on with\b/i, instead: 'reconnect; continue' },
  { words: /\bgo(?:es)? on meanwhile\b/i, instead: 'continue meanwhile' },
  { words: /\bit is the \w+, not the \w+/i, instead: 'the … is at fault' },
]

/** @returns What is wrong, with what to write in its place; nothing of single words and paths, which are names. */
export function badWords(sentence: string): string[] {
  if (!/\w \S/.test(sentence) || /\.test\.ts: /.test(sentence)) return []
  return RULES.flatMap(({ words, instead }) => {
    const found = words.exec(sentence)
    return found === null ? [] : [`"${found[0]}": ${instead}`]
  })
}

export interface Sentence {
  readonly line: number
  readonly text: string
}

const BEFORE_REGEX = /(?:[=(,:[!&|?{};>]|\breturn|^)\s*$/

/** String literals of TypeScript, templates with `…` for what is filled in. Comments and regular expressions are none. */
export function literals(source: string): Sentence[] {
  const found: Sentence[] = []
  const lineOf = (at: number) => source.slice(0, at).split('\n').length
  /** @returns Where the code goes on after its closing brace. */
  const code = (from: number, inTemplate: boolean): number => {
    let depth = 0
    let at = from
    while (at < source.length) {
      const here = source[at]!
      if (source.startsWith('//', at)) at = end(source.indexOf('\n', at))
      else if (source.startsWith('/*', at)) at = end(source.indexOf('*/', at)) + 2
      else if (here === "'" || here === '"') at = quoted(at)
      else if (here === '`') at = template(at)
      else if (here === '/' && BEFORE_REGEX.test(source.slice(Math.max(0, at - 20), at))) at = regex(at)
      else if (here === '}' && inTemplate && depth === 0) return at + 1
      else {
        if (here === '{') depth++
        if (here === '}') depth--
        at++
      }
    }
    return at
  }
  const end = (at: number) => (at === -1 ? source.length : at)
  const quoted = (from: number): number => {
    let at = from + 1
    while (at < source.length && source[at] !== source[from]) at += source[at] === '\\' ? 2 : 1
    found.push({ line: lineOf(from), text: source.slice(from + 1, at).replace(/\\(['"])/g, '$1') })
    return at + 1
  }
  const template = (from: number): number => {
    let at = from + 1
    let text = ''
    while (at < source.length && source[at] !== '`') {
      if (source.startsWith('${', at)) {
        text += '…'
        at = code(at + 2, true)
      } else {
        text += source[at]
        at += source[at] === '\\' ? 2 : 1
      }
    }
    found.push({ line: lineOf(from), text: text.replaceAll('\n', ' ') })
    return at + 1
  }
  const regex = (from: number): number => {
    let inClass = false
    let at = from + 1
    while (at < source.length && source[at] !== '\n' && (inClass || source[at] !== '/')) {
      if (source[at] === '[') inClass = true
      if (source[at] === ']') inClass = false
      at += source[at] === '\\' ? 2 : 1
    }
    return at + 1
  }
  code(0, false)
  return found
}

/** Paragraphs of Markdown as single lines. What a program prints, and titles of tests behind their file, are held elsewhere. */
export function paragraphs(markdown: string): Sentence[] {
  const found: Sentence[] = []
  let isCode = false
  let from = 0
  let text: string[] = []
  const close = () => {
    if (text.length > 0)
      found.push({ line: from, text: text.join(' ').replace(/`[^`]*`(?: "[^"]*")*/g, '`…`') })
    text = []
  }
  markdown.split('\n').forEach((line, at) => {
    if (line.startsWith('```')) isCode = !isCode
    if (isCode || line.startsWith('```') || line.startsWith('    ')) return
    if (line.trim() === '' || /^(?:[-*|#]|\d+\.)\s?/.test(line)) close()
    if (line.trim() === '') return
    if (text.length === 0) from = at + 1
    text.push(line.trim())
  })
  close()
  return found
}
