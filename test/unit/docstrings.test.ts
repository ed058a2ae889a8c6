import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'

const source = join(import.meta.dirname, '../../src')

const parsed = new Map<string, ts.SourceFile>()

function parse(path: string): ts.SourceFile {
  const known = parsed.get(path)
  if (known !== undefined) return known
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true)
  parsed.set(path, file)
  return file
}

/** The declarations of that name in a file: of a function, one for each overload. */
function declarations(file: ts.SourceFile, name: string): readonly ts.Statement[] {
  return file.statements.filter((statement) => {
    if (ts.isVariableStatement(statement)) {
      return statement.declarationList.declarations.some((declared) => declared.name.getText() === name)
    }
    const isNamed =
      ts.isFunctionDeclaration(statement) ||
      ts.isClassDeclaration(statement) ||
      ts.isInterfaceDeclaration(statement) ||
      ts.isTypeAliasDeclaration(statement)
    return isNamed && statement.name?.text === name
  })
}

/** Names that a file exports from others, each with the file that it comes from. */
function handedOn(file: ts.SourceFile): readonly (readonly [name: string, from: string])[] {
  return file.statements.flatMap((statement) => {
    if (!ts.isExportDeclaration(statement) || statement.moduleSpecifier === undefined) return []
    if (statement.exportClause === undefined || !ts.isNamedExports(statement.exportClause)) return []
    const from = join(dirname(file.fileName), statement.moduleSpecifier.getText().slice(1, -1))
    return statement.exportClause.elements.map(({ name, propertyName }) => [(propertyName ?? name).text, from] as const)
  })
}

/** The declarations of a name, found through the files that hand it on. */
function declared(name: string, from: string): readonly ts.Statement[] {
  const file = parse(from)
  const further = handedOn(file).find(([handed]) => handed === name)
  return further === undefined ? declarations(file, name) : declared(...further)
}

test.each(['index.ts', 'mock.ts'])('everything that %s exports has a docstring', (door) => {
  const exported = handedOn(parse(join(source, door)))
  expect(exported.length).toBeGreaterThan(50)
  const bare = exported.filter(([name, from]) => {
    const found = declared(name, from)
    return !found.some((statement) => ts.getJSDocCommentsAndTags(statement).length > 0)
  })
  expect(bare.map(([name]) => name)).toEqual([])
})

/** The methods and getters that a class or interface shows, by name: of an overloaded one, any docstring will do. */
function bareMethods(statement: ts.Statement): readonly string[] {
  if (!ts.isClassDeclaration(statement) && !ts.isInterfaceDeclaration(statement)) return []
  const methods = new Map<string, boolean>()
  for (const member of statement.members) {
    const isMethod = ts.isMethodDeclaration(member) || ts.isMethodSignature(member) || ts.isGetAccessor(member)
    if (!isMethod || !ts.isIdentifier(member.name) || isHidden(member)) continue
    const hasOne = ts.getJSDocCommentsAndTags(member).length > 0
    methods.set(member.name.text, methods.get(member.name.text) === true || hasOne)
  }
  return [...methods].flatMap(([name, hasOne]) => (hasOne ? [] : [name]))
}

/** True for members that are private or protected, or override one of the class that is extended. */
function isHidden(member: ts.ClassElement | ts.TypeElement): boolean {
  const modifiers = ts.canHaveModifiers(member) ? (ts.getModifiers(member) ?? []) : []
  const hiding = [ts.SyntaxKind.PrivateKeyword, ts.SyntaxKind.ProtectedKeyword, ts.SyntaxKind.OverrideKeyword]
  return modifiers.some(({ kind }) => hiding.includes(kind))
}

test.each(['index.ts', 'mock.ts'])('every method of what %s exports has a docstring', (door) => {
  const exported = handedOn(parse(join(source, door)))
  const bare = exported.flatMap(([name, from]) => {
    return declared(name, from).flatMap((statement) => bareMethods(statement).map((method) => `${name}.${method}`))
  })
  expect(bare).toEqual([])
})

/** The names that a file exports itself. */
function ownExports(file: ts.SourceFile): readonly string[] {
  return file.statements.flatMap((statement) => {
    const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : []
    if (!modifiers.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return []
    if (ts.isVariableStatement(statement))
      return statement.declarationList.declarations.map(({ name }) => name.getText())
    const isNamed =
      ts.isFunctionDeclaration(statement) ||
      ts.isClassDeclaration(statement) ||
      ts.isInterfaceDeclaration(statement) ||
      ts.isTypeAliasDeclaration(statement)
    return isNamed && statement.name !== undefined ? [statement.name.text] : []
  })
}

test('everything that a file of src exports has a docstring', () => {
  const paths = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
  const exported = paths.flatMap((path) => {
    const file = parse(join(source, path))
    return ownExports(file).map((name) => [path, name, declarations(file, name)] as const)
  })
  expect(exported.length).toBeGreaterThan(1000)
  const bare = exported.filter(([, , found]) => !found.some((it) => ts.getJSDocCommentsAndTags(it).length > 0))
  expect(bare.map(([path, name]) => `${path}: ${name}`)).toEqual([])
})

/** The opening words of a docstring that ask a question where the thing itself could be named. */
const question = /\/\*\*[\s*]*(?:wh(?:at|ose|om?|ere|ether|ich|en|y)|how)(?:ever)?\b/gi

test('no docstring of src opens with a question', () => {
  const paths = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
  let docstrings = 0
  const offenders = paths.flatMap((path) => {
    const text = readFileSync(join(source, path), 'utf8')
    docstrings += text.split('/**').length - 1
    return [...text.matchAll(question)].map(({ index }) => `src/${path}:${text.slice(0, index).split('\n').length}`)
  })
  expect(docstrings).toBeGreaterThan(2000)
  expect(offenders).toEqual([])
})
