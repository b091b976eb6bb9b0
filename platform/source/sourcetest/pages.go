package sourcetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
)

// RegisterPage makes a SODA page in the shape of the register of social services (ivft-vegh): compact records of 14
// text fields and 450 bytes on the average, Catalan text, here and there an escaped quote or an absent field. All
// of it is invented, and the same seed gives the same bytes.
func RegisterPage(rows int, seed uint64) []byte {
	random := rand.New(rand.NewPCG(seed, 1))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	var page bytes.Buffer
	page.WriteByte('[')
	for i := range rows {
		if i > 0 {
			page.WriteString("\n,")
		}
		town := towns[random.IntN(len(towns))]
		name := pick(services...) + " " + pick("Aina", "Martí", "Queralt", "Sadurní") + " Llacinventada"
		if random.IntN(5) == 0 {
			name = `Centre \"` + pick("Aina", "Caterina", "Òscar") + ` Llacinventada\"`
		}
		fmt.Fprintf(&page, `{"registre":"S%05d","nom":"%s","tipologia":"%s","inscripcio":"%04d-%02d-%02d","capacitat":"%d"`,
			seed*10_000+uint64(i), name, pick(services...), 1985+random.IntN(40), 1+random.IntN(12), 1+random.IntN(28), random.IntN(160))
		fmt.Fprintf(&page, `,"adreca":"%s Llacinventat %s, %d","municipi":"%s"`, pick("Av.", "Carrer", "Plaça"),
			pick("Ivet", "Tecla", "Martí"), random.IntN(200), town.name)
		if town.name == "Barcelona" {
			fmt.Fprintf(&page, `,"districte":"%d"`, 1+random.IntN(10))
		}
		fmt.Fprintf(&page, `,"cp":"%s%03d","comarca":"%s"`, town.province, random.IntN(1000), town.comarca)
		if random.IntN(8) > 0 {
			fmt.Fprintf(&page, `,"telefon":"600 000 %03d"`, random.IntN(1000))
		}
		fmt.Fprintf(&page, `,"entitat_titular":"%s %d","qualificacio":"%s","nif":"G-99%06dU",":@llac_origin":"invented"}`,
			pick("Llacinventada Serveis", "Fundació Llacinventada", "Consell Comarcal Llacinventat"), random.IntN(1000),
			pick("Entitat social", "Entitat d'iniciativa pública", "Entitat mercantil"), random.IntN(1_000_000))
	}
	page.WriteString("\n]\n")
	return page.Bytes()
}

var services = []string{
	"Servei bàsic d'atenció social", "Servei d'atenció precoç", "Servei de centre de dia per a gent gran de caràcter temporal",
	"Servei de residència assistida per a gent gran", "Servei de centre obert per a infants i adolescents",
}

var towns = []struct{ name, province, comarca string }{
	{"Barcelona", "08", "Barcelonès"}, {"Barcelona", "08", "Barcelonès"}, {"Hospitalet de Llobregat, l'", "08", "Barcelonès"},
	{"Sant Adrià de Besòs", "08", "Barcelonès"}, {"Girona", "17", "Gironès"}, {"Masnou, el", "08", "Maresme"}, {"Lleida", "25", "Segrià"},
}

// WidePage returns a SODA page of records with the given number of fields: most are numbers as text, the rest numbers, text
// and null.
func WidePage(rows, fields int) []byte {
	random := rand.New(rand.NewPCG(7, 2))
	var page strings.Builder
	page.WriteByte('[')
	for i := range rows {
		if i > 0 {
			page.WriteString("\n,")
		}
		for k := range fields {
			separator := byte(',')
			if k == 0 {
				separator = '{'
			}
			page.WriteByte(separator)
			fmt.Fprintf(&page, `"indicador_%03d":`, k)
			switch k % 8 {
			case 0:
				page.WriteString("null")
			case 1:
				fmt.Fprintf(&page, "%.2f", random.Float64()*1000)
			case 2:
				page.WriteString(`"` + services[random.IntN(len(services))] + `"`)
			default:
				fmt.Fprintf(&page, `"%d"`, random.IntN(1_000_000))
			}
		}
		page.WriteByte('}')
	}
	page.WriteString("\n]\n")
	return []byte(page.String())
}
