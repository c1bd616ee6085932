// The words that the tests look for, in both languages.

const english = {
  lang: 'en',
  concerts: 'Concerts',
  myTickets: 'My tickets',
  newConcert: 'New concert',
  logIn: 'Log in',
  logOut: 'Log out',
  signUp: 'Sign up',
  search: 'Search by title, artist or venue',
  find: 'Find',
  join: 'Join the queue',
  joinWaitingList: 'Join the waiting list',
  ahead: (n: number) => (n === 0 ? 'Nobody is ahead of you' : n === 1 ? '1 person ahead of you' : `${n} people ahead of you`),
  issuedTitle: (title: string) => `Your ticket! · ${title} · Frontrow`,
  issuedHeading: 'Your turn. This ticket is yours.',
  issuedAnnounced: (title: string) => `It is your turn. Your ticket for ${title} has been issued.`,
  seeTicket: 'See my ticket',
  notFound: 'There is nothing here',
  label: {
    account_name: 'Account name',
    password: 'Password',
    name: 'Name',
    nickname: 'Nickname',
    email: 'E-mail',
  },
};

export type Words = typeof english;

const korean: Words = {
  lang: 'ko',
  concerts: '공연',
  myTickets: '내 티켓',
  newConcert: '공연 등록',
  logIn: '로그인',
  logOut: '로그아웃',
  signUp: '회원가입',
  search: '제목, 출연자, 공연장으로 찾기',
  find: '찾기',
  join: '줄 서기',
  joinWaitingList: '대기자로 등록하기',
  ahead: (n) => (n === 0 ? '앞에 아무도 없어요' : `앞에 ${n}명이 있어요`),
  issuedTitle: (title) => `티켓이 나왔어요! · ${title} · Frontrow`,
  issuedHeading: '내 차례예요. 티켓이 나왔어요.',
  issuedAnnounced: (title) => `내 차례예요. ${title} 티켓이 나왔어요.`,
  seeTicket: '티켓 보기',
  notFound: '여기에는 아무것도 없어요',
  label: {
    account_name: '아이디',
    password: '비밀번호',
    name: '이름',
    nickname: '별명',
    email: '이메일',
  },
};

export const wordsFor = (locale: string | undefined): Words => (locale?.startsWith('ko') ? korean : english);
export { english, korean };
