import { parseAllDocuments } from 'yaml';
import { CHART, helm } from '../../charts/testing/render.ts';
import type { KubeClient } from '../../operator/runtime/kube-client.ts';
import { refOf, type KubeKind, type KubeObject } from '../../operator/runtime/kube.ts';

const kind = (name: string, plural: string, namespaced: boolean): KubeKind => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: name,
  plural,
  namespaced,
});
const KINDS: readonly KubeKind[] = [
  kind('ClusterRole', 'clusterroles', false),
  kind('ClusterRoleBinding', 'clusterrolebindings', false),
  kind('Role', 'roles', true),
  kind('RoleBinding', 'rolebindings', true),
];
/** The kinds a client has to be told of to give rights. */
export const RIGHTS_KINDS = KINDS;

/** Stand for what differs from one installation to the next. */
const [RELEASE, HOME] = ['release-placeholder', 'home-placeholder'];

/** What the chart lets an operator do, in whichever namespace it is installed. */
export class Rights {
  readonly #text: string;

  private constructor(text: string) {
    this.#text = text;
  }

  static async ofChart(): Promise<Rights> {
    const args = ['template', RELEASE, CHART, '--namespace', HOME, '--show-only', 'templates/rbac.yaml'];
    const { code, stdout, stderr } = await helm(args, { fullnameOverride: RELEASE });
    if (code !== 0) throw new Error(stderr);
    const objects = parseAllDocuments(stdout).map((document) => document.toJS() as KubeObject | null);
    return new Rights(JSON.stringify(objects.filter(Boolean)));
  }

  /** Gives them to the operator of a namespace. @returns what takes away those that are not the namespace's own. */
  async give(kube: KubeClient, home: string): Promise<() => Promise<void>> {
    const objects = JSON.parse(this.#text.replaceAll(RELEASE, home).replaceAll(HOME, home)) as KubeObject[];
    for (const object of objects) await kube.apply(object, { force: true });
    return async () => {
      for (const object of objects) await kube.delete(refOf(kindOf(object), object));
    };
  }

  /** The user an operator of a namespace is. */
  userOf(home: string): string {
    const objects = JSON.parse(this.#text.replaceAll(RELEASE, home).replaceAll(HOME, home)) as KubeObject[];
    const subjects = objects.flatMap((object) => (object['subjects'] ?? []) as { name: string; namespace: string }[]);
    const [subject] = subjects;
    if (!subject) throw new Error('the chart gives nobody any rights');
    return `system:serviceaccount:${subject.namespace}:${subject.name}`;
  }
}

function kindOf(object: KubeObject): KubeKind {
  const found = KINDS.find((one) => one.kind === object.kind);
  if (!found) throw new Error(`${object.kind} gives no rights`);
  return found;
}
