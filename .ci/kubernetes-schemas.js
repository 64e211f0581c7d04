// Makes JSON Schemas for kubeconform of the OpenAPI description of Kubernetes: node kubernetes-schemas.js SWAGGER FOLDER
const fs = require('fs');
const [, , swagger, folder] = process.argv;
const definitions = JSON.parse(fs.readFileSync(swagger)).definitions;
const free = new Set(['io.k8s.apimachinery.pkg.api.resource.Quantity', 'io.k8s.apimachinery.pkg.util.intstr.IntOrString']);

for (const [name, d] of Object.entries(definitions)) {
  if (free.has(name)) {
    definitions[name] = { type: ['string', 'number'] };
  } else if (d.properties && !d.additionalProperties) {
    d.additionalProperties = false;
  }
}
fs.mkdirSync(folder, { recursive: true });
for (const [name, d] of Object.entries(definitions)) {
  for (const { group, version, kind } of d['x-kubernetes-group-version-kind'] || []) {
    if (kind.endsWith('List') || !/\.api\./.test(name)) continue;
    const short = group ? group.split('.')[0] + '-' : '';
    const file = `${folder}/${kind.toLowerCase()}-${short}${version}.json`;
    fs.writeFileSync(file, JSON.stringify({ $ref: '#/definitions/' + name, definitions: reached(name) }));
  }
}

// The description is older than policy/v1, whose budgets have the fields of v1beta1.
fs.copyFileSync(`${folder}/poddisruptionbudget-policy-v1beta1.json`, `${folder}/poddisruptionbudget-policy-v1.json`);

// reached returns a definition and all that it refers to.
function reached(name, all = {}) {
  if (all[name]) return all;
  all[name] = definitions[name];
  for (const [, next] of JSON.stringify(definitions[name]).matchAll(/"#\/definitions\/([^"]+)"/g)) reached(next, all);
  return all;
}
