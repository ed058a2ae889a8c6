import { describe, expect, onTestFinished, test } from 'vitest'
import { confirmLosses } from '../../../../src/cli/output/confirm-losses.ts'
import { makePlan } from '../../../../src/lifecycle/plan/make-plan.ts'
import { parseSpec } from '../../../../src/lifecycle/spec/parse-spec.ts'
import { setVirtualFunctions } from '../../../../src/lifecycle/sriov/set-functions.ts'
import type { Plan } from '../../../../src/lifecycle/wanted/plan.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'

const port = '0000:81:00.0'

/** Of a network card that has 4 virtual functions, which nobody uses. */
async function planFor(content: object): Promise<Plan> {
  const kernel = createMockKernel('gpu-host')
  onTestFinished(() => kernel.dispose())
  await setVirtualFunctions(kernel, { device: port, count: 4 })
  return makePlan(kernel, parseSpec(JSON.stringify({ version: 1, ...content }), 'spec.json'))
}

/** The words said, the questions asked, and the error, null if there is none. */
async function confirmed(plan: Plan, answer: boolean | null, isJson = false) {
  const said: string[] = []
  const asked: string[] = []
  const confirm = async (question: string) => {
    if (answer !== null) asked.push(question)
    return answer
  }
  const io = { err: (line: string) => void said.push(line), confirm }
  const error = await confirmLosses(plan, io, isJson).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  return { said, asked, error }
}

describe('a plan that takes something away', () => {
  const fewer = { parents: [{ parent: port, sriov: 2 }] }
  const line = `${port}: 2 virtual functions in place of 4`

  test('needs --yes where no terminal is there to ask, and lists what would go', async () => {
    const { said, error } = await confirmed(await planFor(fewer), null)
    expect(said).toEqual([`${line}\n`])
    expect(error).toMatchObject({
      code: 'NOT_CONFIRMED',
      hint: expect.stringContaining('--yes'),
      facts: { lost: [line] },
    })
  })

  test('says as JSON what would go in the error alone', async () => {
    const { said, error } = await confirmed(await planFor(fewer), null, true)
    expect(said).toEqual([])
    expect(error).toMatchObject({ facts: { lost: [line] } })
  })

  test('is asked for on a terminal: yes goes on, no does not', async () => {
    const plan = await planFor(fewer)
    expect(await confirmed(plan, true)).toMatchObject({ asked: ['1 to be taken away: go on?'], error: null })
    expect(await confirmed(plan, false)).toMatchObject({ error: { code: 'NOT_CONFIRMED' } })
  })

  test('is also one that gives a device from its driver to another', async () => {
    const { error } = await confirmed(await planFor({ bindings: [{ device: '81:01.0' }] }), null)
    expect(error).toMatchObject({ code: 'NOT_CONFIRMED' })
  })
})

test.each([
  ['makes more virtual functions, in place of those that nobody uses', { parents: [{ parent: port, sriov: 8 }] }],
  ['adds a vGPU', { parents: [{ parent: '3b:00.0', devices: [{ type: 'T4-4Q' }] }] }],
])('a plan that %s is not asked for', async (_what, content) => {
  expect(await confirmed(await planFor(content), null)).toEqual({ said: [], asked: [], error: null })
})
