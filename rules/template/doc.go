// Package template compiles and renders the templates of rules.
//
// The syntax and the meaning of templates are those of text/template, whose parser this package uses, with four
// differences:
//
//   - A field of a missing value is a missing value, which prints as nothing. A field of a text, a number or another
//     plain value is an error.
//   - Each printed value is escaped for the Form of the text. In URLs and JSON the escaping also depends on the literal
//     text before the value.
//   - Work and output are bounded. A title or body that is too long is truncated; any other template fails.
//   - A comparison accepts numbers of different types and missing values, range over a value that has no elements
//     executes its else branch, and define and block are not available.
//
// Compile converts the parsed tree to closures (compile.go), and a Renderer runs them (render.go). text/template could
// do this too, with a rewritten tree as in html/template: fields become calls of a function that accepts missing
// values, each printed pipeline ends in an escaper, and each range counts. A prototype had the same output and was
// rejected for its cost: BenchmarkDecide/rules=10 of package rules took 5.9 times the processor time (217 µs in place
// of 37 µs, medians of 6 alternating runs) and 624 allocations in place of 86. text/template calls every function
// through reflection.
// FuzzAgainstTextTemplate compares the two where they have to agree.
package template
