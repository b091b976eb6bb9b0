package language

import "strings"

// exception is a phrase that keeps a word of the list, with the reason.
type exception struct {
	phrase string // the text around the word, exactly
	reason string
}

// exceptions are the phrases that may stand. TestExceptionsAreUsed fails when one of them is not needed any more.
var exceptions = []exception{
	{"--about beside", "a value of a flag of llac export"},
	{`"beside"`, "the same value, and a flag of llac cost"},
	{"inside or beside", "the same"},
	{"inside, or beside", "the same"},
	{"beside.csv", "a file name in a test of that value"},
	{"--beside", "a flag of llac cost"},
	{"Dwellings begun", "descriptions of columns, which published files contain"},
	{"dwellings were begun", "the same"},
	{"When the source says it was last updated", "the same"},
	{"that nobody has hashed", "the same"},
	{"municipality_match_method says which", "the same"},
	{"Tell", "a method that arrow-go's page writer requires"},
}

// allowed reports whether the word found in a line of text belongs to an exception.
func allowed(name, text, found string) bool {
	if none := strings.ToLower(found) == "is none"; none && (strings.HasSuffix(name, ".py") || strings.HasSuffix(name, ".sql")) {
		return true // Python's and Jinja's test of a null value
	}
	for _, e := range exceptions {
		if strings.Contains(e.phrase, found) && strings.Contains(text, e.phrase) {
			return true
		}
	}
	return false
}
