const path = require('path'), root = path.dirname(require.resolve('ws'));
const PMD = require(path.join(root, 'lib/permessage-deflate')), ext = require(path.join(root, 'lib/extension'));
for (const offer of require('fs').readFileSync('list.txt', 'utf8').trim().split('\n')) {
  let answer = '-';
  try {
    const offers = ext.parse(offer), pmd = new PMD({ isServer: true });
    if (offers[PMD.extensionName]) { pmd.accept(offers[PMD.extensionName]); answer = ext.format({ [PMD.extensionName]: [pmd.params] }); }
  } catch (e) { answer = '400'; }
  console.log(answer);
}
