package portal

import "fmt"

// The register's personal fields (nom, adreca, telefon, entitat_titular, nif) belong to no person. Each value is
// generated here and contains one of these marks, so that a test can search everything that Llac writes for them.
const (
	markName  = "Llacinventa" // in every name and street: no person, street or firm has this name
	markPhone = "600 000 "    // of every telephone
	markTaxID = "G-99000"     // of every NIF; they end in U, which is never a control letter
)

// PlantedPersonalValues returns the texts of which every non-null personal value of the simulator contains at least
// one. Found anywhere but in landing and archive they prove a leak (invariant 8).
func PlantedPersonalValues() []string { return []string{markName, markPhone, markTaxID} }

var (
	givenNames = []string{"Aina", "Bernat", "Caterina", "Dídac", "Elisenda", "Ferran", "Gemma", "Hug", "Ivet", "Jordi", "Laia",
		"Martí", "Núria", "Oriol", "Pere", "Queralt", "Roser", "Sadurní", "Tecla", "Violant"}
	streets = []string{"C.", "Carrer", "Av.", "Avinguda", "Pl.", "Plaça", "Pg.", "Rambla", "Ctra.", "Camí"}
	owners  = []struct{ form, qualification string }{
		{"Fundació Privada %sda %d", "Entitat privada d'iniciativa social"},
		{"Associació %sda %d", "Entitat privada d'iniciativa social"},
		{"%sda Serveis %d, SL", "Entitat privada d'iniciativa mercantil"},
		{"Residències %sdes %d, SA", "Entitat privada d'iniciativa mercantil"},
		{"Patronat Municipal %st %d", "Entitat d'iniciativa pública"},
		{"Consell Comarcal %st %d", "Entitat d'iniciativa pública"},
	}
)

// owner is one of the thousand invented bodies that hold services.
type owner struct{ name, qualification, taxID string }

func newOwner(number int) owner {
	kind := owners[number%len(owners)]
	return owner{
		name:          fmt.Sprintf(kind.form, markName, number),
		qualification: kind.qualification,
		taxID:         fmt.Sprintf("%s%03dU", markTaxID, number%1000),
	}
}

func personalName(r *random) string {
	return givenNames[r.below(len(givenNames))] + " " + markName + "da"
}

func address(r *random) string {
	street := streets[r.below(len(streets))] + " " + markName + "t " + givenNames[r.below(len(givenNames))]
	switch r.below(8) {
	case 0:
		return street + ", s/n"
	case 1:
		return fmt.Sprintf("%s, %d, %dr  %da", street, r.between(1, 210), r.between(1, 3), r.between(1, 4))
	case 2:
		return fmt.Sprintf("%s %d-%d", street, r.between(1, 99), r.between(100, 210))
	}
	return fmt.Sprintf("%s, %d", street, r.between(1, 210))
}

func telephone(r *random) string { return fmt.Sprintf("%s%03d", markPhone, r.below(1000)) }
