package store

// Names for the tests outside the package.
var Transitions = transitions
