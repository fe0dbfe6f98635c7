import type { DenialResource } from '../src/api/trace.ts'
import { browse } from './browse.ts'
import type { Consultation, Finding } from './doctor.ts'
import type { Lab } from './lab.ts'

/** The user reads out the id that the refusal names, and the help desk looks it up. */
export async function lookUp(lab: Lab): Promise<Consultation> {
  const refused = await browse(lab)
  const id = /\bden_[0-9a-z]{26}\b/.exec(refused.text)?.[0]
  if (id === undefined) return refused
  const asked = ['describe', 'denial', id]
  const [plain, data] = await Promise.all([lab.admin(...asked), lab.admin('--json', ...asked)])
  const { hop, code, title, detail, condition, wouldPass } = JSON.parse(data) as DenialResource
  const finding: Finding = {
    ...{ hop: hop as Finding['hop'], code, cause: title, fix: wouldPass === undefined ? [] : [wouldPass] },
    seen: [detail, JSON.stringify(condition ?? {})],
    verify: refused.findings[0]!.verify,
  }
  return {
    ...refused,
    text: `${refused.text.trimEnd()}\n\n$ backstitch ${asked.join(' ')}\n${plain}`,
    firstLine: `${hop} ${code}: ${title}`,
    findings: [finding],
  }
}
