// vfioctl-library(7): the package's doors and what can be called there, from the docstrings of src/ and the README's examples.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { code, entry, paragraphs, prose, references, section, subsection } from './roff.mjs'

const root = dirname(dirname(import.meta.dirname))
const doors = { vfioctl: 'src/index.ts', 'vfioctl/mock': 'src/mock.ts' }
/** Classes of the objects that Host's members give: the doors export them as types alone. */
const given = [
  ['Device', 'src/vfio/device.ts'],
  ['HostBoot', 'src/host-boot.ts'],
]

export function libraryPage() {
  const [library, , mock] = readmeBlocks()
  const parts = Object.entries(doors).map(([door, file]) => {
    const declared = valueExports(file).map(([name, from]) => declarationOf(name, from))
    const more = door === 'vfioctl' ? given.map(([name, from]) => declarationOf(name, from)) : []
    return { door, about: fileDocstring(file), declared: [...declared, ...more] }
  })
  const body = [
    section('SYNOPSIS', [...code("import { openHost } from 'vfioctl'\nimport { createMockHost } from 'vfioctl/mock'")]),
    section('DESCRIPTION', paragraphs(parts.map(({ about }) => about).join('\n\n'))),
    ...parts.flatMap(({ door, declared }) => [
      section(
        door,
        declared.filter((it) => !hasMembers(it)).flatMap((it) => entry(shownName(it), docstringOf(it))),
      ),
      declared
        .filter(hasMembers)
        .flatMap((it) =>
          subsection(it.name.text, [
            ...paragraphs(docstringOf(it)),
            ...membersOf(it).flatMap((member) => entry(shownName(member), docstringOf(member))),
          ]),
        ),
    ]),
    section('ERRORS', prose('A failure is a `VfioError`, whose `code` is stable, with the errno of the kernel.')),
    section('EXAMPLES', [...code(library), '.PP', ...code(mock)]),
    section('FILES', entry('dist/docs/README.md', 'The reference of all types, in the package.')),
    section('SEE ALSO', references(['vfioctl(1)', 'vfioctl-spec(5)'])),
  ]
  return { name: 'vfioctl-library', number: 7, summary: 'VFIO and virtual devices from TypeScript', body }
}

function parse(file) {
  return ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.ES2023, true)
}

/** Values that a door exports, not types: each name, and the file that declares it. */
function valueExports(file) {
  return parse(file).statements.flatMap((it) => {
    if (!ts.isExportDeclaration(it) || it.isTypeOnly || !it.exportClause || !ts.isNamedExports(it.exportClause))
      return []
    const from = join(dirname(file), it.moduleSpecifier.text)
    return it.exportClause.elements.filter((one) => !one.isTypeOnly).map((one) => [one.name.text, from])
  })
}

function declarationOf(name, file) {
  const declared = parse(file).statements.flatMap((it) =>
    ts.isVariableStatement(it) ? [...it.declarationList.declarations] : [it],
  )
  const found = declared.find((it) => it.name?.text === name)
  if (found === undefined) throw new Error(`man: ${file} does not declare ${name}`)
  return found
}

function hasMembers(node) {
  return ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node)
}

/** Public members of a class or interface that have a docstring: names that say all have none. */
function membersOf(node) {
  return node.members.filter((it) => {
    const flags = ts.getCombinedModifierFlags(it)
    const isHidden = flags & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected | ts.ModifierFlags.Static)
    const isNamed = it.name !== undefined && ts.isIdentifier(it.name)
    return isNamed && !isHidden && rawDocstring(it) !== undefined
  })
}

function shownName(node) {
  const name = node.name.getText()
  if (node.parameters === undefined || ts.isGetAccessor(node)) return name
  const shown = node.parameters.map((it) => {
    const word = ts.isIdentifier(it.name) ? it.name.text : 'options'
    return it.questionToken || it.initializer ? `${word}?` : word
  })
  return `${name}(${shown.join(', ')})`
}

function rawDocstring(node) {
  const holder = ts.isVariableDeclaration(node) ? node.parent.parent : node
  return ts.getJSDocCommentsAndTags(holder).find(ts.isJSDoc)
}

function docstringOf(node) {
  const found = ts.getTextOfJSDocComment(rawDocstring(node)?.comment)
  if (found === undefined) throw new Error(`man: ${node.name.getText()} has no docstring`)
  return found.replace(/\{@link\s+([^}|\s]+)[^}]*\}/g, '`$1`')
}

/** The comment that a file begins with. */
function fileDocstring(file) {
  const text = readFileSync(join(root, file), 'utf8')
  return text
    .slice(3, text.indexOf('*/'))
    .replace(/^ \* ?/gm, '')
    .trim()
}

/** The README's TypeScript: the library, a plan from code, a mock in a test, and more. */
function readmeBlocks() {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  return [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, text]) => text)
}
