import type { Command } from 'commander'
import type { SessionLine, SessionResource } from '../api/sessions.ts'
import { faultFromMessage } from '../link/control/fault-message.ts'
import { examples, globals, parseCount, restFor } from './globals.ts'
import { sessionLine } from './session-line.ts'
import { untilStopped } from './signals.ts'
import { print } from './terminal.ts'

export function addLogs(program: Command): void {
  const logs = program
    .command('logs')
    .description('Records as they arrive')
    .addHelpText('after', examples(['backstitch logs sessions -f', 'every session as it opens and closes']))
  logs
    .command('sessions')
    .description('Session records: one line each, or JSON lines with --json')
    .option('-f, --follow', 'keep printing new records, until Ctrl-C')
    .option('-n, --lines <n>', 'how many of the latest records to start with', parseCount, 20)
    .addHelpText(
      'after',
      examples(
        ['backstitch logs sessions', 'the latest 20'],
        ['backstitch logs sessions -f --json | jq .closeReason', 'a stream for another program'],
      ),
    )
    .action(async (options: { follow?: boolean; lines: number }, command: Command) => {
      const rest = await restFor(command)
      const show = (session: SessionResource) =>
        print(globals(command).json ? JSON.stringify(session) : sessionLine(session))
      const fromMs = Date.now()
      const latest = await rest.list<SessionResource>('/sessions', options.lines)
      for (const session of latest.reverse()) show(session)
      if (!options.follow) return
      using stop = untilStopped()
      for await (const read of rest.lines(`/sessions/stream?since=${fromMs}`, stop.signal)) {
        const line = read as SessionLine
        if ('failed' in line) throw faultFromMessage(line.failed)
        show(line)
      }
    })
}
