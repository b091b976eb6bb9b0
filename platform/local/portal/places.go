package portal

// Place is a municipality of Catalonia, for generators of rows in the shape of the register.
type Place struct {
	Code        string // six digits, the last a control digit
	Name        string // as published, article after a comma
	Natural     string // article first
	ComarcaCode string
	Comarca     string
	Province    string // "08", "17", "25" or "43"
	People      int

	Former        string // name until 2023 to 2025; empty: the same
	FormerComarca string // comarca until 2023; empty: the same
}

// Places lists the municipalities in code order.
func Places() []Place {
	var out []Place
	for _, m := range loadFacts().municipalities {
		out = append(out, Place{m.code, m.name, m.natural, m.comarcaCode, m.comarca, m.province, m.people[1], m.former, m.formerComarca})
	}
	return out
}

// ServiceTypes lists the types of service with the labels of the register.
func ServiceTypes() []string {
	var out []string
	for _, t := range loadFacts().serviceTypes {
		out = append(out, t.name)
	}
	return out
}
