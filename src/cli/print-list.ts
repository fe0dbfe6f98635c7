/**
 * A list of any length, printed page by page as it comes: of half a million sessions one page is in memory, and `| head`
 * reads no more than it shows.
 *
 * @module
 */
import { once } from 'node:events'
import { called, type Kind } from '../api/kinds.ts'
import { asFault, Fault } from '../base/faults.ts'
import { cellsOf, HEADS } from './columns.ts'
import type { ResourceRow } from './resource-row.ts'
import { jsonItem, print, say, TableWriter } from './terminal.ts'

export type ListPages = AsyncIterable<{ readonly items: readonly ResourceRow[]; readonly more: boolean }>

/**
 * One JSON array. Cut off by a fault it has no end, so that nobody takes it for whole.
 *
 * @returns whether there is more than was asked for. @throws {Fault} why the rest is missing.
 */
export function printListJson(kind: Kind, pages: ListPages): Promise<boolean> {
  let count = 0
  return eachPage(kind, pages, {
    page(items) {
      const text = items.map((item) => `${count++ === 0 ? '[' : ','}\n  ${jsonItem(item)}`).join('')
      process.stdout.write(text)
    },
    end: () => void process.stdout.write(count === 0 ? '[]\n' : '\n]\n'),
    // What is said of it begins a line of its own.
    cut: () => void process.stdout.write('\n'),
  })
}

/** As a table. @returns and throws as above. */
export function printListTable(kind: Kind, pages: ListPages): Promise<boolean> {
  const table = new TableWriter(HEADS[kind])
  let isEmpty = true
  return eachPage(kind, pages, {
    page(items) {
      isEmpty = false
      print(table.rows(items.map((item) => cellsOf(kind, item))))
    },
    end: () => isEmpty && say(`There is no ${called(kind).title}.`),
    cut: () => {},
  })
}

interface Printer {
  /** Of one item at least. */
  page(items: readonly ResourceRow[]): void
  end(): void
  /** What was printed is not all. */
  cut(): void
}

async function eachPage(kind: Kind, pages: ListPages, { page, end, cut }: Printer): Promise<boolean> {
  let printed = 0
  let isMore = false
  try {
    for await (const { items, more } of pages) {
      isMore = more
      if (items.length === 0) continue
      page(items)
      printed += items.length
      // Whoever reads slowly is waited for.
      if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain')
    }
  } catch (error) {
    if (printed === 0) throw error
    cut()
    throw partOf(kind, printed, asFault(error))
  }
  end()
  return isMore
}

function partOf(kind: Kind, printed: number, { code, hop, detail, seen, cause }: Fault): Fault {
  const what = `${detail} The list is incomplete: it ends after ${printed} ${called(kind).plural.replaceAll('-', ' ')}.`
  return new Fault(code, what, { hop, cause, seen: { ...seen, printed } })
}
