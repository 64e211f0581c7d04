package rulefile

// Names for the tests outside the package, which make the JSON Schema from these types.
type (
	FileSpec     = fileSpec
	NotifierSpec = notifierSpec
	RuleSpec     = ruleSpec
	WindowSpec   = windowSpec
	ActiveSpec   = activeSpec
	ExpectSpec   = expectSpec
	AfterSpec    = afterSpec
	AskSpec      = askSpec
)
