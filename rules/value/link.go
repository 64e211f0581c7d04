package value

type (
	LinkValue    struct{ Text, URL string }
	MentionValue struct{ Name, Slack, Call string } // call is as people.MentionText writes it, or empty
)
