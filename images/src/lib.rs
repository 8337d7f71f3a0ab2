//! Images as data: what lies where on a card, and what boots from it.
