package rules

// Names for the tests outside the package.
const MaxRecorded = maxRecorded

type EventKind = eventKind

var LoadDefaults = loadDefaults
var MarkdownLine = markdownLine
