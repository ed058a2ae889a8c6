import type {
  Scenario,
  ScenarioAttribute,
  ScenarioMdevType,
  ScenarioParent,
  ScenarioPciFunction,
} from '../scenario/scenario.ts'
import type { MakeModel } from '../sdk/device-context.ts'
import type { MakeFunction } from '../sdk/pci-function.ts'

/** A device model, offered as a type of mediated device. */
export interface RegisteredModel {
  /** A parent of the scenario, or a name that is not among them: then a virtual parent of that name is added. */
  readonly parent: string
  /** The type's id, as in mdev_supported_types: 'adder-1'. */
  readonly type: string
  /** The type's name; its id if absent. */
  readonly name?: string
  readonly description?: string
  /** Number of such devices the parent has room for; 16 if absent. */
  readonly instances?: number
  /** Attributes in the device's sysfs folder. */
  readonly attributes?: readonly ScenarioAttribute[]
  readonly make: MakeModel
}

/** A PCI function of the scenario whose insides are a model of the caller's own; vfio-pci stands before it as ever. */
export interface RegisteredFunction extends Omit<ScenarioPciFunction, 'kind'> {
  readonly address: string
  readonly make: MakeFunction
}

/** The scenario, with these functions behind their addresses. RangeError for an address that it does not have. */
export function withFunctions(scenario: Scenario, functions: readonly RegisteredFunction[]): Scenario {
  const unknown = functions.find(({ address }) => scenario.pci.every((device) => device.address !== address))
  if (unknown !== undefined) throw new RangeError(`${scenario.name} has no PCI device ${unknown.address}`)
  const pci = scenario.pci.map((device) => {
    const found = functions.find(({ address }) => address === device.address)
    if (found === undefined) return device
    const { address: _, make: __, ...what } = found
    return { ...device, function: { kind: 'registered' as const, ...what } }
  })
  return { ...scenario, pci }
}

/** The scenario, with these models among what its parents offer. RangeError for a type that a parent has already. */
export function withModels(scenario: Scenario, models: readonly RegisteredModel[]): Scenario {
  return models.reduce(withModel, scenario)
}

/** The name by which a type's model is found. */
export function modelName({ parent, type }: Pick<RegisteredModel, 'parent' | 'type'>): string {
  return `${parent} ${type}`
}

function withModel(scenario: Scenario, model: RegisteredModel): Scenario {
  const there = scenario.parents.find(({ name }) => name === model.parent)
  const parent = there ?? virtualParent(model.parent)
  if (parent.types.some(({ id }) => id === model.type)) {
    throw new RangeError(`${model.parent} has a type ${model.type} already`)
  }
  const changed = {
    ...parent,
    capacity: { ...parent.capacity, [model.type]: model.instances ?? 16 },
    types: [...parent.types, typeOf(model)],
  }
  const others = scenario.parents.filter((candidate) => candidate !== there)
  const modules = { mdev: {}, ...scenario.modules, ...(there === undefined ? { [parent.module]: {} } : {}) }
  return { ...scenario, modules, parents: [...others, changed] }
}

function typeOf({ parent, type, name, description, attributes }: RegisteredModel): ScenarioMdevType {
  return {
    id: type,
    name: name ?? type,
    description: description ?? null,
    uses: { [type]: 1 },
    model: { kind: 'registered', name: modelName({ parent, type }) },
    ...(attributes === undefined ? {} : { attributes }),
  }
}

/** As the kernel's sample drivers make one: a device of no bus, at /sys/devices/virtual/NAME/NAME. */
function virtualParent(name: string): ScenarioParent {
  return {
    name,
    virtualClass: name,
    driver: name,
    module: name,
    deviceApi: 'vfio-pci',
    capacity: {},
    oneTypeAtATime: false,
    whenFull: 'ENOSPC',
    attributes: [],
    types: [],
  }
}
