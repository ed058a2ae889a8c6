import { basename, join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'

const dist = join(import.meta.dirname, '../../dist')

/** The package's declarations, as whoever writes code against them sees them. */
const program = ts.createProgram([join(dist, 'index.d.ts'), join(dist, 'mock.d.ts')], { skipLibCheck: true, types: [] })
const checker = program.getTypeChecker()

interface Exported {
  readonly symbol: ts.Symbol
  /** A class that is exported as a type alone: nobody outside calls its constructor. */
  readonly isType: boolean
}

function exportsOf(door: string): Map<string, Exported> {
  const file = program.getSourceFile(join(dist, door))
  const module = file === undefined ? undefined : checker.getSymbolAtLocation(file)
  if (module === undefined) throw new Error(`dist/${door} is not a module: npm run build`)
  return new Map(
    checker.getExportsOfModule(module).map((it) => {
      const isType = (it.declarations ?? []).some(
        (one) => ts.isExportSpecifier(one) && ts.isTypeOnlyExportDeclaration(one),
      )
      return [it.name, { symbol: resolved(it), isType }]
    }),
  )
}

function resolved(symbol: ts.Symbol): ts.Symbol {
  return (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol)
}

/** The package's own types that a declaration mentions where others can see it. */
function mentioned(declaration: ts.Node, isType: boolean): ts.Symbol[] {
  const found: ts.Symbol[] = []
  const visit = (node: ts.Node): void => {
    const isPrivate =
      ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some((it) => it.kind === ts.SyntaxKind.PrivateKeyword)
    if (isType && ts.isConstructorDeclaration(node)) return
    if (isPrivate || (ts.isClassElement(node) && node.name !== undefined && ts.isPrivateIdentifier(node.name))) return
    if (ts.isTypeReferenceNode(node)) take(node.typeName)
    else if (ts.isExpressionWithTypeArguments(node)) take(node.expression)
    ts.forEachChild(node, visit)
  }
  const take = (name: ts.Node) => {
    const symbol = checker.getSymbolAtLocation(name)
    if (symbol !== undefined) found.push(resolved(symbol))
  }
  visit(declaration)
  return found.filter((symbol) => {
    const isParameter = (symbol.flags & ts.SymbolFlags.TypeParameter) !== 0
    return !isParameter && (symbol.declarations ?? []).some((it) => isOurs(it.getSourceFile().fileName))
  })
}

/** True for the package's own types; stand-ins for the platform's are nobody's to import. */
function isOurs(file: string): boolean {
  return file.startsWith(dist) && basename(file) !== 'platform-types.d.ts'
}

test.each(['index.d.ts', 'mock.d.ts'])('each type that %s mentions has a name there', (door) => {
  const exported = exportsOf(door)
  const known = new Set(Array.from(exported.values(), ({ symbol }) => symbol))
  const missing = new Set<string>()
  for (const [name, { symbol, isType }] of exported) {
    for (const type of (symbol.declarations ?? []).flatMap((it) => mentioned(it, isType))) {
      if (!known.has(type)) missing.add(`${type.name} (of ${name})`)
    }
  }
  expect([...missing].sort()).toEqual([])
})

test('a name means the same at both doors', () => {
  const [index, mock] = [exportsOf('index.d.ts'), exportsOf('mock.d.ts')]
  const differing = [...index].filter(([name, { symbol }]) => mock.has(name) && mock.get(name)?.symbol !== symbol)
  expect(differing.map(([name]) => name)).toEqual([])
})
