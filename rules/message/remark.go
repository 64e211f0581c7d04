package message

// Remark is what a notifier says about a message before it is sent.
type Remark struct {
	Path          []string // leads to the value: the option and the way within it; empty for the whole message
	Wrong         bool     // the message can only be refused; otherwise it is only doubtful
	Whole         bool     // about options together, so that it counts only for a whole message
	Message, Hint string
}

// String returns the option with the message and its hint.
func (r Remark) String() string {
	text := r.Message
	if len(r.Path) > 0 {
		text = r.Path[0] + ": " + text
	}
	if r.Hint == "" {
		return text
	}
	return text + "; " + r.Hint
}
