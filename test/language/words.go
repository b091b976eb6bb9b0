package language

import "regexp"

// word is one expression of the private language that the project used, and the plain English for it.
type word struct {
	pattern *regexp.Regexp
	write   string
}

// things are what the project counts in.
const things = "slice|account|run|service|dataset|process|page|queue|table|topic|row|file|environment|kind|column|partition|" +
	"batch|delivery|message|incident|root|host|name|package|snapshot|build|test|mart|model"

// words are the expressions that no text of the project uses. Each pattern matches whole words, in any case.
var words = list(
	"reports whether", `(?:says?|tells?|answers?) whether`,
	"returns, responds with, response", `answers|answered|answering`,
	"returns", `gives? back|gave back|given back`,
	"consumes, receives", `hears?|heard|hearing`,
	"reports, states, publishes", `says?|said|saying`,
	"reports, logs, notifies", `tells?|told|telling`,
	"again, restarts", `anew`,
	"fixes, repairs", `mend|mends|mended|mending|puts? right`,
	"request", `wish|wishes|wished`,
	"started", `begun`,
	"one per, once per, N per", `(?:one(?: \w+)?|once|twice|times|each|\d+|rows|bytes) an? (?:`+things+`)|`+
		`(?:one \w+|\d+|rows|bytes) an? (?:second|day|week|month|year)`, // "once a day" is plain English
	"unknown, is not, does not support", `is none|are none|was none|knows no`,
	"no other, nil: not reported", `nobody|nobody's`,
	"checks against", `(?:holds?|held|holding) (?:it|them|its|\w+) (?:to|against)|held (?:to|against)`,
	"updates to match", `(?:brings?|brought) (?:it|them|its|tables|the tables?|\w+) to`,
	"readers see", `(?:is|are) to be seen`,
	"N, a limited number", `so many|so much`,
	"before", `in front of`,
	"besides, also, next to", `beside`,
	"rolled back", `tak(?:e|es|en|ing) back|takes? (?:a deploy|it|a service|them) back|taken back`,
	"name the fixture after what it builds", `worlds?`,
)

// notAfterThere matches "is no X", which stands for "is not X" unless "there" precedes it.
var notAfterThere = regexp.MustCompile(`(?i)(\S+)\s+is no \w+`)

// list makes words of pairs: what to write, and a pattern of what not to write.
func list(pairs ...string) []word {
	out := make([]word, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, word{regexp.MustCompile(`(?i)\b(?:` + pairs[i+1] + `)\b`), pairs[i]})
	}
	return out
}
