package slack

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"qaserelay/notifiers"
)

// maxChannel is the length of the longest name of a channel.
const maxChannel = 80

// refuse returns remarks on the options of a message. A webhook has a channel of its own.
func (o Options) refuse(c Config) []notifiers.Advice {
	if o.Broadcast && o.Thread.Text == "" && !c.WebhookURL.IsSet() {
		o.Broadcast = false
		return append(o.refuse(c), notifiers.Advice{Path: []string{"broadcast"}, Message: "it shows a reply in the channel, and " +
			"without thread there are no replies", Hint: `add thread: "run-{{ .payload.id }}", or leave out broadcast`})
	}
	switch {
	case c.WebhookURL.IsSet():
		return nil
	case o.DM == nil:
		return refuseChannel(o.Channel)
	case len(o.DM) == 0:
		return []notifiers.Advice{{Path: []string{"dm"}, Wrong: true, Message: "the event names no person",
			Hint: "require one in the rule's when"}}
	case len(o.DM) > maxTogether:
		return []notifiers.Advice{{Path: []string{"dm"}, Wrong: true, Hint: "write a channel",
			Message: fmt.Sprintf("%d people are named, but at most %d can get a message together", len(o.DM),
				maxTogether)}}
	}
	return o.refusePeople()
}

// refuseChannel returns remarks on the channel of a message: an id, or a name in lower case.
func refuseChannel(channel string) []notifiers.Advice {
	name := strings.TrimPrefix(channel, "#")
	wrong := func(fault, hint string) []notifiers.Advice {
		return []notifiers.Advice{notifiers.Unfit("channel", channel, fault, hint)}
	}
	_, address := splitAddress(channel)
	switch {
	case channel == "":
		return []notifiers.Advice{{Path: []string{"channel"}, Wrong: true, Message: "there is none",
			Hint: `write one on the notifier or in the rule, such as channel: "#qa"`}}
	case isID(channel, "CGD"):
		return nil
	case isID(channel, "UW"):
		doubt := notifiers.Unfit("channel", channel, "is a person, not a channel", "write dm: in place of channel:")
		doubt.Wrong = false
		return []notifiers.Advice{doubt}
	case address != "", strings.HasPrefix(channel, "@"):
		return wrong("is a person, not a channel", "write dm: in place of channel:, with an address or a member id")
	case strings.Contains(name, ",") || strings.Contains(name, " #"):
		return wrong("is not the name of a channel", "a message goes to one channel: name the notifier twice for two")
	case strings.Contains(name, "{"):
		return wrong("is not the name of a channel", "this is an object: name one of its fields, such as .title")
	case strings.ContainsFunc(name, isForbidden) || name == "":
		return wrong("is not the name of a channel", "names are in lower case, with letters, digits, - and _, "+
			"without spaces: "+exampleChannel(name))
	case len([]rune(name)) > maxChannel:
		return wrong("is not the name of a channel", "names have at most "+strconv.Itoa(maxChannel)+" characters")
	case strings.Trim(name, "-_") != name:
		doubt := notifiers.Unfit("channel", channel, "looks as if a part of it is empty",
			`give the part a default, such as {{ … | default "none" }}`)
		doubt.Wrong = false
		return []notifiers.Advice{doubt}
	}
	return nil
}

// isForbidden reports whether no name of a channel holds r.
func isForbidden(r rune) bool {
	return unicode.IsUpper(r) || unicode.IsSpace(r) || unicode.IsControl(r) ||
		r < unicode.MaxASCII && !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_'
}

// exampleChannel returns a name of a channel that resembles one that is not.
func exampleChannel(name string) string {
	name = strings.Map(func(r rune) rune {
		if isForbidden(r) {
			return '-'
		}
		return r
	}, strings.ToLower(notifiers.Cut(name, 40)))
	if name = strings.Trim(name, "-_ …"); name == "" {
		name = "qa"
	}
	return `"#` + name + `"`
}

// refusePeople returns a remark on each person of dm that Slack cannot write to. The others get the message.
func (o Options) refusePeople() (all []notifiers.Advice) {
	for i, who := range o.DM {
		if _, address := splitAddress(who); address == "" && !isID(who, "UW") {
			all = append(all, notifiers.Advice{Path: []string{"dm", strconv.Itoa(i)}, Wrong: true,
				Message: "Slack cannot write to " + displayName(who),
				Hint:    "write an email address or a member id, or add the person to people: with slack: U…"})
		}
	}
	for i := range all {
		all[i].Wrong = len(all) == len(o.DM)
	}
	return all
}
