package funcs

import (
	"slices"
	"strings"
	"sync"
)

// Usage is how a function is called.
type Usage struct {
	Name  string
	Words []string // of the arguments, in capitals; that of an argument with many values ends in "…"
	Least int      // the arguments that it needs
	// Example is a call that does what most people want of the function.
	Example string
}

// Most returns the largest number of arguments, or -1 if there may be any number.
func (u Usage) Most() int {
	if n := len(u.Words); n > 0 && strings.HasSuffix(u.Words[n-1], "…") {
		return -1
	}
	return len(u.Words)
}

// String returns the call with the words of its arguments. Optional ones are in brackets.
func (u Usage) String() string {
	words := slices.Clone(u.Words)
	for i := u.Least; i < len(words); i++ {
		words[i] = "[" + words[i] + "]"
	}
	return strings.Join(append([]string{u.Name}, words...), " ")
}

// Word returns the word of the i-th argument.
func (u Usage) Word(i int) string {
	return strings.TrimSuffix(u.Words[min(i, len(u.Words)-1)], "…")
}

// UsageOf returns how a function is called.
func UsageOf(name string) (u Usage, known bool) {
	u, known = usages()[name]
	return u, known
}

// usages returns the usages by name.
var usages = sync.OnceValue(func() map[string]Usage {
	all := map[string]Usage{}
	for line := range strings.Lines(usageTable) {
		call, example, found := strings.Cut(strings.TrimSpace(line), ": ")
		if !found {
			continue
		}
		words := strings.Fields(call)
		u := Usage{Name: words[0], Example: example}
		for _, word := range words[1:] {
			inner, optional := strings.CutPrefix(word, "[")
			if u.Words = append(u.Words, strings.TrimSuffix(inner, "]")); !optional {
				u.Least++
			}
		}
		all[u.Name] = u
	}
	return all
})

// usageTable has a line for each function: its name, the words of its arguments, and an example.
const usageTable = `
print [VALUE…]: print .payload.id
println [VALUE…]: println .payload.id
printf FORMAT [VALUE…]: printf "%d failed" .payload.failed
urlquery VALUE: urlquery .entity.title
toString VALUE: toString .payload.id
json VALUE: json .payload
toJson VALUE: toJson .payload
link LABEL URL: link "open" .entity.url
plural NUMBER ONE [MANY]: plural .payload.failed "case" "cases"
percent PART WHOLE: percent .payload.failed .payload.cases
mention PERSON: mention .actor
person PERSON: person .actor

and VALUE [VALUE…]: and .payload.failed .payload.blocked
or VALUE [VALUE…]: or .payload.failed .payload.blocked
not VALUE: not .payload.failed
empty VALUE: empty .entity.plan
default FALLBACK FIELD: default "none" .entity.environment
coalesce [VALUE…]: coalesce .entity.plan .entity.title
ternary YES NO CONDITION: ternary "red" "green" .payload.failed
eq VALUE VALUE [VALUE…]: eq .event_action "completed"
ne VALUE VALUE: ne .event_action "completed"
lt VALUE VALUE: lt .payload.failed 5
le VALUE VALUE: le .payload.failed 5
gt VALUE VALUE: gt .payload.failed 5
ge VALUE VALUE: ge .payload.failed 5

ago TIME: ago .time
date LAYOUT TIME: date "2006-01-02" .time
duration SECONDS: duration (runDuration .)
runDuration DOT: runDuration .

upper TEXT: upper .project_code
lower TEXT: lower .project_code
title TEXT: title .event_action
untitle TEXT: untitle .entity.title
trim TEXT: trim .entity.title
nospace TEXT: nospace .entity.title
swapcase TEXT: swapcase .entity.title
snakecase TEXT: snakecase .entity.title
camelcase TEXT: camelcase .entity.title
kebabcase TEXT: kebabcase .entity.title
b64enc TEXT: b64enc .entity.title
b64dec TEXT: b64dec .entity.title
sha256sum TEXT: sha256sum .entity.title
quote [TEXT…]: quote .entity.title
squote [TEXT…]: squote .entity.title
trunc LENGTH TEXT: trunc 20 .entity.title
abbrev LENGTH TEXT: abbrev 20 .entity.title
wrap LENGTH TEXT: wrap 80 .entity.title
indent LENGTH TEXT: indent 2 .entity.title
nindent LENGTH TEXT: nindent 2 .entity.title
substr START END TEXT: substr 0 5 .entity.title
replace OLD NEW TEXT: replace "_" " " .entity.title
trimAll CHARACTERS TEXT: trimAll "-" .entity.title
hasPrefix BEGINNING TEXT: hasPrefix "Nightly" .entity.title
hasSuffix ENDING TEXT: hasSuffix "Nightly" .entity.title
contains PIECE TEXT: contains "nightly" .entity.title
trimPrefix BEGINNING TEXT: trimPrefix "Run: " .entity.title
trimSuffix ENDING TEXT: trimSuffix "." .entity.title

regexMatch PATTERN TEXT: regexMatch "^Nightly" .entity.title
regexFind PATTERN TEXT: regexFind "[0-9]+" .entity.title
regexFindAll PATTERN TEXT COUNT: regexFindAll "[0-9]+" .entity.title -1
regexSplit PATTERN TEXT COUNT: regexSplit " +" .entity.title -1
regexReplaceAll PATTERN TEXT REPLACEMENT: regexReplaceAll "[0-9]+" .entity.title "N"
regexReplaceAllLiteral PATTERN TEXT REPLACEMENT: regexReplaceAllLiteral "[0-9]+" .entity.title "N"

add NUMBER [NUMBER…]: add .payload.passed .payload.failed
sub NUMBER [NUMBER…]: sub .payload.cases .payload.passed
mul NUMBER [NUMBER…]: mul .payload.failed 2
add1 NUMBER: add1 .payload.failed
max NUMBER [NUMBER…]: max .payload.failed .payload.blocked
min NUMBER [NUMBER…]: min .payload.failed .payload.blocked
div NUMBER NUMBER: div .payload.duration 1000
mod NUMBER NUMBER: mod .payload.id 10
int NUMBER: int .payload.id
int64 NUMBER: int64 .payload.id
atoi NUMBER: atoi .payload.id
float64 NUMBER: float64 .payload.id
ceil NUMBER: ceil .payload.id
floor NUMBER: floor .payload.id
round NUMBER PLACES: round .payload.duration 1

index CONTAINER [KEY…]: index .entity.reviewers 0
len THINGS: len .entity.reviewers
list [VALUE…]: list .payload.passed .payload.failed
join SEPARATOR LIST: join ", " .payload.tags
first LIST: first .entity.reviewers
last LIST: last .entity.reviewers
rest LIST: rest .entity.reviewers
initial LIST: initial .entity.reviewers
reverse LIST: reverse .entity.reviewers
compact LIST: compact .entity.reviewers
uniq LIST: uniq .entity.reviewers
sortAlpha LIST: sortAlpha .payload.tags
toStrings LIST: toStrings .payload.tags
append LIST VALUE: append .payload.tags "qa"
prepend LIST VALUE: prepend .payload.tags "qa"
concat [LIST…]: concat .entity.reviewers .entity.reviewers
chunk SIZE LIST: chunk 10 .entity.reviewers
without LIST [ITEM…]: without .payload.tags "wip"
has ITEM LIST: has "jira" .payload.tags
split SEPARATOR WHERE: split "/" .entity.title
splitList SEPARATOR WHERE: splitList "/" .entity.title
splitn SEPARATOR PARTS WHERE: splitn "/" 2 .entity.title

get OBJECT KEY: get .payload "title"
hasKey OBJECT KEY: hasKey .payload "title"
keys OBJECT [OBJECT…]: keys .payload
values OBJECT: values .payload
pick OBJECT [KEY…]: pick .payload "id"
omit OBJECT [KEY…]: omit .payload "id"
kindOf VALUE: kindOf .payload.id
typeOf VALUE: typeOf .payload.id
kindIs KIND VALUE: kindIs "string" .payload.id
all [VALUE…]: all .payload.id
any [VALUE…]: any .payload.id
deepEqual VALUE VALUE: deepEqual .payload.passed .payload.cases
`
