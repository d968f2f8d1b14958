"""Small tables of names, departments and titles from many places."""

from typing import NamedTuple

from producers.simulation.dice import Dice

GIVEN = (
    "Ada Aiko Amara Ana Anders Anya Aroha Beatriz Bilal Chidi Chloe Daiyu Dalia Dmitri Elif Emre Esther Farah Femi "
    "Freya Gabriel Giulia Hana Hassan Ingrid Isla Ivan Jamal Jonas Juana Kamala Kofi Lars Leila Lena Lucia Mateo Mei "
    "Milan Nadia Ngozi Noor Olga Omar Paulo Priya Quinn Rafael Rosa Samir Sana Sofia Tariq Tomas Uma Viktor Wanjiru "
    "Yara Yusuf Zanele Zofia"
).split()
FAMILY = (
    "Abara Adeyemi Almeida Andersson Arslan Bakker Banerjee Berg Castillo Chen Cohen Dubois Eriksen Fernandes Fischer "
    "Garcia Gupta Haddad Horvat Ibrahim Ito Ivanova Jansen Kamau Khan Kowalski Larsen Lopez Maina Marino Mensah Mbeki "
    "Moreau Murphy Nakamura Ndiaye Nguyen Novak Okafor Oliveira Otieno Park Petrov Popescu Quispe Rahman Reyes Rossi "
    "Sato Schmidt Silva Singh Suzuki Takacs Tanaka Torres Ueda Vargas Virtanen Wang Weber Yilmaz Zhang Zulu"
).split()


class Department(NamedTuple):
    name: str
    share: float  # of the people
    titles: tuple[str, ...]


DEPARTMENTS = (
    Department("engineering", 0.30, ("Software Engineer", "Senior Software Engineer", "Staff Engineer")),
    Department("data", 0.12, ("Data Analyst", "Data Scientist", "Analytics Engineer")),
    Department("product", 0.10, ("Product Manager", "Senior Product Manager", "Product Operations")),
    Department("design", 0.08, ("Designer", "Senior Designer", "Design Researcher")),
    Department("sales", 0.16, ("Account Executive", "Sales Engineer", "Account Manager")),
    Department("support", 0.12, ("Support Agent", "Support Engineer", "Support Lead")),
    Department("finance", 0.06, ("Accountant", "Controller", "Payroll Specialist")),
    Department("people", 0.06, ("Recruiter", "People Partner", "Workplace Manager")),
)
COUNTRIES = (
    # country, continent, region code, region, timezone, latitude, longitude
    ("PT", "EU", "11", "Lisbon", "Europe/Lisbon", 38.7219, -9.1398),
    ("DE", "EU", "BE", "Land Berlin", "Europe/Berlin", 52.5196, 13.4069),
    ("GH", "AF", "AA", "Greater Accra Region", "Africa/Accra", 5.5560, -0.1969),
    ("US", "NA", "CO", "Colorado", "America/Denver", 39.7388, -104.9868),
    ("IN", "AS", "KA", "Karnataka", "Asia/Kolkata", 12.9634, 77.5855),
    ("BR", "SA", "SP", "Sao Paulo", "America/Sao_Paulo", -23.5335, -46.6359),
)
LONG_TITLE = (
    "Senior Principal Programme Coordinator for Cross-Regional Analytics Enablement, "
    "Data Literacy and Responsible Measurement"
)


def department(dice: Dice) -> int:
    """Return the index of a department, large ones more often."""
    draw = dice.roll()
    for index, each in enumerate(DEPARTMENTS):
        draw -= each.share
        if draw < 0:
            return index
    return 0
