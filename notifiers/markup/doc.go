// Package markup turns the Markdown of a message into the rich text of a channel, in three steps:
//
//  1. [Parse] reads Markdown into a tree without HTML, images and unsafe links.
//  2. [Lines] walks the tree once and returns lines of runs, whose styles are data.
//  3. A channel writes these lines: as text with a [Writer] ([Markdown], [HTML] or [Plain], with the channel's own
//     escaper), or as its own structures. [FitLines], [FitFields] and [FitText] truncate to the channel's limits.
//     Since lines are truncated before they are written, no markup is ever cut in two.
//
// A new kind begins with [Title], [MessageURL], [Origin], [Lines] and a Writer whose escaper it tests; package discord
// is a short example. The same lines make the preview.
//
// Two channels nest styles in text, Slack and the plain text of an email. They give step 2 a [Dialect], which writes
// styles into the text where [Lines] keeps them as data.
package markup
