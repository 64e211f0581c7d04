// Package rules is the language of qase-relay: what can be written in a rules file, what it means, and what it
// decides about an event.
//
// It is pure: it reads no files, no clock and no environment but through functions handed to it, and sends nothing.
// [Parse] turns rules files into a [Config] or into [Problems] that name place, fault and next step. [Set.Decide] turns an [Event]
// and what is remembered into a [Decision]: each rule matched or why not, the rendered notifications, and what to remember.
// The same Decide serves the running relay and every command that explains or tests it.
package rules
