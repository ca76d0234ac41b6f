//! Who is in a room: the windows here, and those on other servers as these have told it.

use std::collections::{BTreeMap, HashMap};

use chat::id::Id;
use chat::names::{Name, Refusal};

/// Why a name is refused, or taken back.
const LOOKS_ALIKE: Refusal = "That name looks like the name of somebody in this room.";

struct Person {
    /// When the window joined, in milliseconds since 1970, and its ID over all servers: the order of the list.
    since: (u64, String),
    name: Name,
}

#[derive(Default)]
pub(crate) struct People {
    here: BTreeMap<Id, Person>,
    elsewhere: HashMap<String, Elsewhere>,
    /// Windows here that have lost their name to an older one that looks like it.
    renamed: HashMap<Id, Refusal>,
}

/// The people on another server, as it has written them.
struct Elsewhere {
    text: String,
    people: Vec<Person>,
}

impl People {
    pub(crate) fn join(&mut self, id: Id, since: (u64, String)) {
        self.here.insert(id, Person { since, name: guest(id) });
    }

    pub(crate) fn leave(&mut self, id: Id) {
        self.here.remove(&id);
        self.renamed.remove(&id);
    }

    pub(crate) fn name(&self, id: Id) -> Option<&Name> {
        self.here.get(&id).map(|person| &person.name)
    }

    /// Gives a window a name, or its guest name and the reason.
    pub(crate) fn rename(&mut self, id: Id, wanted: Result<Name, Refusal>) -> Result<(), Refusal> {
        let wanted = wanted.and_then(|name| match self.is_imitation(id, &name) {
            true => Err(LOOKS_ALIKE),
            false => Ok(name),
        });
        let refused = wanted.as_ref().err().copied();
        if let Some(person) = self.here.get_mut(&id) {
            person.name = wanted.unwrap_or_else(|_| guest(id));
        }
        refused.map_or(Ok(()), Err)
    }

    /// Whether somebody could be taken for another one with this name.
    pub(crate) fn is_imitation(&self, id: Id, name: &Name) -> bool {
        let others = self.here.iter().filter(|(other, _)| **other != id).map(|(_, person)| person);
        let mut all = others.chain(self.elsewhere.values().flat_map(|server| &server.people));
        all.any(|person| name.imitates(&person.name))
    }

    /// Why a window has lost its name, once.
    pub(crate) fn take_renamed(&mut self, id: Id) -> Option<Refusal> {
        self.renamed.remove(&id)
    }

    pub(crate) fn count_here(&self) -> usize {
        self.here.len()
    }

    /// The servers that have told who is there.
    pub(crate) fn servers(&self) -> Vec<String> {
        self.elsewhere.keys().cloned().collect()
    }

    /// All names, in the same order on all servers.
    pub(crate) fn names(&self) -> Vec<&str> {
        let elsewhere = self.elsewhere.values().flat_map(|server| &server.people);
        let mut all: Vec<&Person> = self.here.values().chain(elsewhere).collect();
        all.sort_by(|one, other| one.since.cmp(&other.since));
        all.into_iter().map(|person| person.name.as_str()).collect()
    }

    /// The people here, for other servers. Empty if there is nobody.
    pub(crate) fn to_text(&self) -> String {
        let people: Vec<(u64, &str, &str)> = (self.here.values())
            .map(|Person { since: (time, id), name }| (*time, id.as_str(), name.as_str()))
            .collect();
        if people.is_empty() { String::new() } else { serde_json::to_string(&people).unwrap_or_default() }
    }

    /// Takes over what another server has written. True if that changes anything.
    ///
    /// Two servers can give two names that look alike at the same time. Both then see the other one, and the window that
    /// joined last loses its name.
    pub(crate) fn set_elsewhere(&mut self, server: &str, text: Option<&str>) -> bool {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return self.elsewhere.remove(server).is_some();
        };
        if self.elsewhere.get(server).is_some_and(|known| known.text == text) {
            return false;
        }
        let told: Vec<(u64, String, String)> = serde_json::from_str(text).unwrap_or_default();
        let person = |(time, id, name): (_, _, String)| {
            Name::new(&name).ok().map(|name| Person { since: (time, id), name })
        };
        let people: Vec<Person> = told.into_iter().filter_map(person).collect();
        for (id, own) in &mut self.here {
            let is_younger = |other: &Person| other.since < own.since && own.name.imitates(&other.name);
            if people.iter().any(is_younger) {
                own.name = guest(*id);
                self.renamed.insert(*id, LOOKS_ALIKE);
            }
        }
        self.elsewhere.insert(server.to_owned(), Elsewhere { text: text.to_owned(), people });
        true
    }
}

fn guest(id: Id) -> Name {
    Name::guest(id.guest_name())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "this is how a test fails")]
mod tests {
    use super::*;

    /// People on a server: when each joined, and the name.
    fn server(name: &str, joined: &[(u64, &str)]) -> (People, Vec<Id>) {
        let mut people = People::default();
        let ids = joined.iter().enumerate().map(|(number, (time, wanted))| {
            let id = Id::new(number as u64);
            people.join(id, (*time, format!("{name}-{id}")));
            people.rename(id, Name::new(wanted)).unwrap();
            id
        });
        let ids = ids.collect();
        (people, ids)
    }

    #[test]
    fn all_servers_list_the_same_people_in_the_same_order() {
        let (mut one, _) = server("a", &[(3, "Carol"), (1, "Alice")]);
        let (mut two, _) = server("b", &[(2, "Bob"), (1, "Zoë")]);
        assert!(one.set_elsewhere("b", Some(&two.to_text())) && two.set_elsewhere("a", Some(&one.to_text())));
        assert_eq!(one.names(), ["Alice", "Zoë", "Bob", "Carol"]);
        assert_eq!(two.names(), one.names());
        assert!(!one.set_elsewhere("b", Some(&two.to_text())), "nothing has changed");
        assert!(one.set_elsewhere("b", None) && !one.set_elsewhere("b", None));
        assert_eq!(one.names(), ["Alice", "Carol"]);
    }

    #[test]
    fn name_that_looks_like_one_elsewhere_is_refused() {
        let (mut one, ids) = server("a", &[(1, "Alice")]);
        let (two, _) = server("b", &[(2, "Bob")]);
        one.set_elsewhere("b", Some(&two.to_text()));
        assert_eq!(one.rename(ids[0], Name::new("B0b")), Err(LOOKS_ALIKE));
        assert_eq!(one.rename(ids[0], Name::new("Bob")), Ok(()), "the other window of the same user");
    }

    #[test]
    fn of_two_names_given_at_the_same_time_the_older_window_keeps_it() {
        let (mut one, ids) = server("a", &[(1, "Alice")]);
        let (mut two, others) = server("b", &[(2, "\u{410}lice"), (3, "Bob")]);
        let (from_one, from_two) = (one.to_text(), two.to_text());
        one.set_elsewhere("b", Some(&from_two));
        two.set_elsewhere("a", Some(&from_one));
        assert_eq!((one.take_renamed(ids[0]), two.take_renamed(others[1])), (None, None));
        assert_eq!((two.take_renamed(others[0]), two.take_renamed(others[0])), (Some(LOOKS_ALIKE), None));
        assert_eq!(two.name(others[0]), Some(&guest(others[0])));
    }
}
