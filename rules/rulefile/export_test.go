package rulefile

// Names for the tests outside the package.
type FileSpec = fileSpec
type NotifierSpec = notifierSpec
