package markup

// Names for the tests outside the package.
var CutLines = cutLines
var TextUnits = textUnits
