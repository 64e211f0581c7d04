package sqlite

// Names for the tests outside the package.
const CodeFsync = codeFsync
const CodeReadOnlyDir = codeReadOnlyDir

var AdviseReader = adviseReader
var Migrations = migrations
