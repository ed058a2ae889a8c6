import { join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { specJsonSchema } from '../../../../src/cli/output/spec-json-schema.ts'
import type { JsonSchema } from './schema-breaks.ts'

const file = join(import.meta.dirname, '../../../../src/lifecycle/spec/spec-file.ts')

/** The keys below a type, each with its way to it: 'parents.devices.uuid', with ? if it may be absent. */
function keysOfType(checker: ts.TypeChecker, type: ts.Type, way = ''): string[] {
  if (type.isUnion()) return type.types.flatMap((each) => keysOfType(checker, each, way))
  const element = checker.getIndexTypeOfType(type, ts.IndexKind.Number)
  if (element !== undefined && checker.isArrayLikeType(type)) return keysOfType(checker, element, way)
  if ((type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) === 0) return []
  return checker.getPropertiesOfType(type).flatMap((property) => {
    const isOptional = (property.flags & ts.SymbolFlags.Optional) !== 0
    const name = `${way}${property.name}`
    const below = keysOfType(checker, checker.getTypeOfSymbol(property), `${name}.`)
    return [`${name}${isOptional ? '?' : ''}`, ...below]
  })
}

function keysOfSchema({ properties = {}, required = [], items, anyOf = [] }: JsonSchema, way = ''): string[] {
  return [
    ...Object.entries(properties).flatMap(([key, schema]) => [
      `${way}${key}${required.includes(key) ? '' : '?'}`,
      ...keysOfSchema(schema, `${way}${key}.`),
    ]),
    ...(items === undefined ? [] : keysOfSchema(items, way)),
    ...anyOf.flatMap((schema) => keysOfSchema(schema, way)),
  ]
}

test('SpecFile has the keys that the JSON Schema has, at the same places', () => {
  const program = ts.createProgram([file], { strict: true, allowImportingTsExtensions: true, noEmit: true })
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(file) ?? expect.fail('no such file')
  const declared = source.statements.find((it) => ts.isInterfaceDeclaration(it) && it.name.text === 'SpecFile')
  const type = checker.getTypeAtLocation(declared ?? expect.fail('no SpecFile'))
  const keys = [...new Set(keysOfType(checker, type))].sort()
  expect(keys).toContain('parents.devices.owner.mode?')
  expect(keys).toEqual([...new Set(keysOfSchema(JSON.parse(JSON.stringify(specJsonSchema()))))].sort())
})
