package value

type (
	Link    struct{ Text, URL string }
	Mention struct{ Name, Slack, Target string } // call is as people.MentionText writes it, or empty
)
