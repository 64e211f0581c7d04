package rulefile

import (
	"fmt"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/diag"
	"qaserelay/rules/target"
	"qaserelay/rules/template"
	"qaserelay/rules/yamldoc"
)

// acrossProjects is the value of across: in a key.
const acrossProjects = "projects"

// joining reads a key that joins messages, such as those of one thread: a text, which holds within a project, or
// {key: TEXT, across: projects}.
func (p *optionParser) joining(n *yaml.Node) target.OptionValue {
	p.form = template.FormText
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode || yamldoc.TemplateHint(n) != "" {
		var t yamldoc.Text
		p.d.Decode(n, &t, p.key)
		p.checkJoining(t)
		return p.text(t)
	}
	var spec struct {
		Key    yamldoc.Text `yaml:"key"`
		Across yamldoc.Text `yaml:"across"`
	}
	p.d.Decode(n, &spec, p.key)
	switch {
	case spec.Across.Given() && spec.Across.S != acrossProjects:
		p.d.Report(spec.Across.Node, diag.Error, fmt.Sprintf("%s.across: %q is not known", p.key, spec.Across.S),
			"write across: "+acrossProjects)
	case !spec.Key.Given() && !yamldoc.HasKey(n, "key") && !p.d.Misspelt(n, "key"):
		p.d.Report(n, diag.Error, p.key+" has no key", "write "+p.key+`: {key: "release-{{ .entity.title }}", across: `+
			acrossProjects+"}")
	}
	if !spec.Across.Given() {
		p.checkJoining(spec.Key)
		return p.text(spec.Key)
	}
	before := len(p.texts)
	key := p.text(spec.Key)
	for i := range p.texts[before:] {
		p.texts[before+i].Across = true
	}
	return map[string]target.OptionValue{"key": key, "across": acrossProjects}
}

// checkJoining reports a key that is the same for every event.
func (p *optionParser) checkJoining(t yamldoc.Text) {
	threads := p.info.kindName == "email" // by itself, without a key
	switch {
	case !t.Given() || t.S == "" || t.S == "none" && threads || template.HasActions(t.S):
		return
	case isNothing(t.S):
		hint := "leave out " + p.key + ": without a key no messages are joined"
		if threads {
			hint = "write " + p.key + ": none"
		}
		p.d.Report(t.Node, diag.Warning, fmt.Sprintf("%s: %q is a key, so %s", p.key, t.S, JoiningEffect(p.key)), hint)
		return
	}
	p.d.Report(t.Node, diag.Warning, fmt.Sprintf("%s: the key %q is the same for every event, so %s", p.key, t.S,
		JoiningEffect(p.key)), JoiningHint)
}

// JoiningHint says how to write a key that joins what belongs together.
const JoiningHint = `write what the message is about, such as "run-{{ .payload.id }}", ` +
	`or {key: …, across: projects} to join on purpose`

// JoiningEffect says what becomes of the messages of a project that have the same key in an option.
func JoiningEffect(option string) string {
	if option == "update" {
		return "each message of a project replaces the one before"
	}
	return "all messages of a project are joined"
}
